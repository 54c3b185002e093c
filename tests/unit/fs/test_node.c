/* The node table: numbers, versions, counts, lasting failures. */
#include "../../lib/unit.h"

#include <pthread.h>
#include <stdio.h>

#include "fake_model.h"
#include "fs/node.h"

static struct fs_nodes *table;

static void begin(void)
{
    CHECK_INT(fs_nodes_new(&table), 0);
}

static struct fs_node *look(const char *path, uint64_t version)
{
    struct fs_place place = {.kind = &fs_file_readme};
    struct fs_node *n = NULL;
    CHECK_INT(fs_node_look(table, &(struct fs_node_new){.path = path, .place = &place, .version = version}, &n), 0);
    return n;
}

/* Held by the test no more, but counted for the kernel. */
static uint64_t looked(const char *path, uint64_t version)
{
    struct fs_node *n = look(path, version);
    uint64_t id = n->id;
    fs_node_put(table, n);
    return id;
}

static void test_root(void)
{
    begin();
    struct fs_node *n = fs_node_get(table, FS_NODE_ROOT);
    CHECK_STR(n->path, "/");
    fs_node_put(table, n);
    fs_node_forget(table, FS_NODE_ROOT, 100);
    n = fs_node_get(table, FS_NODE_ROOT);
    CHECK(n != NULL);
    fs_node_put(table, n);
    fs_nodes_free(table);
}

static void test_versions_are_nodes(void)
{
    begin();
    uint64_t first = looked("/a", 1);
    CHECK_INT(looked("/a", 1), first);
    uint64_t second = looked("/a", 2);
    CHECK(second != first);
    struct fs_node *a = fs_node_get(table, first), *b = fs_node_get(table, second);
    CHECK_INT(a->ino, b->ino);
    CHECK_INT(a->ino, fs_node_ino("/a"));
    CHECK(a->ino != fs_node_ino("/b"));
    fs_node_put(table, a);
    fs_node_put(table, b);
    fs_nodes_free(table);
}

static void test_forget_frees(void)
{
    begin();
    uint64_t id = looked("/a", 1);
    (void)looked("/a", 1);
    CHECK_INT(fs_nodes_count(table), 2);
    fs_node_forget(table, id, 1);
    CHECK_INT(fs_nodes_count(table), 2);
    struct fs_node *held = fs_node_get(table, id);
    fs_node_forget(table, id, 1);
    CHECK_INT(fs_nodes_count(table), 2);
    CHECK_STR(held->path, "/a");
    fs_node_put(table, held);
    CHECK_INT(fs_nodes_count(table), 1);
    CHECK(fs_node_get(table, id) == NULL);
    CHECK(looked("/a", 1) != id);
    fs_nodes_free(table);
}

static void test_failure_lasts_and_is_replaced(void)
{
    begin();
    struct fs_node *bad = look("/a", 1);
    CHECK_INT(fs_node_failed(table, bad), 0);
    fs_node_fail(table, bad, err_set(-EIO, "first"));
    fs_node_fail(table, bad, err_set(-ESTALE, "second"));
    CHECK_INT(fs_node_failed(table, bad), -EIO);
    CHECK_STR(err_message(), "first");
    CHECK(!fs_node_failure_said(table, bad, -EINTR));
    CHECK(!fs_node_failure_said(table, bad, -EIO));
    CHECK(fs_node_failure_said(table, bad, -EIO));
    struct fs_node *good = look("/a", 1);
    CHECK(good != bad);
    CHECK_INT(fs_node_failed(table, good), 0);
    CHECK_INT(fs_node_failed(table, bad), -EIO);
    CHECK_INT(looked("/a", 1), good->id);
    fs_node_put(table, bad);
    fs_node_put(table, good);
    fs_nodes_free(table);
}

static struct source *new_source(void)
{
    struct source *s;
    CHECK_INT(source_memory_new(malloc(1), 1, &s), 0);
    return s;
}

/* The proof of a size that was declared as it is makes no other version. */
static void test_a_proof_reaches_the_node(void)
{
    begin();
    struct fs_node *n = look("/a", 1), *again;
    CHECK(!atomic_load(&n->verified));
    struct fs_node_new found = {.path = "/a", .place = &n->place, .version = 1, .verified = true};
    CHECK_INT(fs_node_look(table, &found, &again), 0);
    CHECK(again == n);
    CHECK(atomic_load(&n->verified));
    fs_node_put(table, again);
    fs_node_put(table, look("/a", 1));
    CHECK(atomic_load(&n->verified));
    fs_node_put(table, n);
    fs_nodes_free(table);
}

static void test_openers_share_a_source(void)
{
    begin();
    struct fs_node *n = look("/a", 1);
    CHECK(fs_node_source(table, n) == NULL);
    struct source *first = fs_node_open(table, n, new_source());
    struct source *second = fs_node_open(table, n, new_source());
    CHECK(first == second);
    source_put(first);
    fs_node_close(table, n);
    struct source *third = fs_node_source(table, n);
    CHECK(third == second);
    source_put(third);
    source_put(second);
    fs_node_close(table, n);
    CHECK(fs_node_source(table, n) == NULL);
    fs_node_put(table, n);
    fs_nodes_free(table);
}

/* A folder's name that came to mean another unit is another node. */
static void test_another_place_is_another_node(void)
{
    begin();
    char one[] = "ou-1", two[] = "ou-2";
    struct fs_place place = {.kind = &fs_dir_organization, .arg = {one}};
    struct fs_node *a, *b;
    CHECK_INT(fs_node_look(table, &(struct fs_node_new){.path = "/x", .place = &place}, &a), 0);
    place.arg[0] = two;
    CHECK_INT(fs_node_look(table, &(struct fs_node_new){.path = "/x", .place = &place}, &b), 0);
    CHECK(a->id != b->id);
    CHECK_STR(a->place.arg[0], "ou-1");
    CHECK_STR(b->place.arg[0], "ou-2");
    fs_node_put(table, a);
    fs_node_put(table, b);
    fs_nodes_free(table);
}

static void *look_and_forget(void *arg)
{
    uintptr_t seed = (uintptr_t)arg;
    for (unsigned i = 0; i < 20000; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "/%u", (unsigned)(i * 7 + seed) % 1500);
        struct fs_place place = {.kind = &fs_file_readme};
        struct fs_node *n;
        struct fs_node_new found = {.path = path, .place = &place, .version = i % 3};
        if (fs_node_look(table, &found, &n) < 0)
            return arg;
        uint64_t id = n->id;
        if (i % 5 == 0)
            fs_node_fail(table, n, err_set(-EIO, "now and then"));
        fs_node_put(table, n);
        fs_node_forget(table, id, 1);
    }
    return NULL;
}

static void test_threads(void)
{
    begin();
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, look_and_forget, (void *)(i + 1));
    for (size_t i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        CHECK(failed == NULL);
    }
    CHECK_INT(fs_nodes_count(table), 1);
    fs_nodes_free(table);
}

static const struct unit_test tests[] = {
    {"root", test_root},
    {"versions are nodes", test_versions_are_nodes},
    {"forget frees", test_forget_frees},
    {"failure lasts and is replaced", test_failure_lasts_and_is_replaced},
    {"a proof reaches the node", test_a_proof_reaches_the_node},
    {"openers share a source", test_openers_share_a_source},
    {"another place is another node", test_another_place_is_another_node},
    {"threads", test_threads},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
