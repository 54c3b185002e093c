/* Snapshots: whole ones are taken, torn ones are not, and what is kept of one comes back the same. */
#include "model/month.h"

#include "base/clock.h"
#include "tests/lib/unit.h"

#define FOLDER "cur/r/20261101-20261201/"
#define MANIFEST FOLDER "r-Manifest.json"

/* A bucket in memory; HOOK is called before the n-th request, to change things in between. */
struct object {
    const char *key, *etag, *body;
    int64_t modified;
};
struct fake {
    struct object objects[8];
    int requests, gets, lists;
    void (*hook)(struct fake *f);
    bool ignores_conditions;
};

static struct object *find(struct fake *f, const char *key)
{
    for (size_t i = 0; i < 8; i++)
        if (f->objects[i].key && strcmp(f->objects[i].key, key) == 0)
            return &f->objects[i];
    return NULL;
}

static errint fake_get(void *arg, const char *key, const char *if_none_match, struct aws_s3_body *ret)
{
    struct fake *f = arg;
    f->requests++;
    f->gets++;
    if (f->hook)
        f->hook(f);
    const struct object *o = find(f, key);
    if (!o)
        return err_set(-ENOENT, "no such key");
    if (if_none_match && strcmp(if_none_match, o->etag) == 0 && !f->ignores_conditions)
        return err_set(-EALREADY, "not modified");
    *ret = (struct aws_s3_body){.etag = strdup(o->etag), .last_modified_unix = o->modified};
    buf_puts(&ret->data, o->body);
    ret->object_size_bytes = strlen(o->body);
    return 0;
}

static errint fake_list(void *arg, const char *prefix, struct aws_s3_listing *ret)
{
    struct fake *f = arg;
    f->requests++;
    f->lists++;
    if (f->hook)
        f->hook(f);
    *ret = (struct aws_s3_listing){.objects = calloc(8, sizeof *ret->objects)};
    for (size_t i = 0; i < 8; i++) {
        const struct object *o = &f->objects[i];
        if (!o->key || strncmp(o->key, prefix, strlen(prefix)) != 0 || strchr(o->key + strlen(prefix), '/'))
            continue;
        ret->objects[ret->object_count++] = (struct aws_s3_object){.key = strdup(o->key),
                                                                   .etag = strdup(o->etag),
                                                                   .size_bytes = strlen(o->body),
                                                                   .last_modified_unix = o->modified,
                                                                   .storage_class = strdup("")};
    }
    return 0;
}

static const struct model_month_request request = {
    .period = "2026-11", .root = "cur/r/", .folder = FOLDER, .report = "r"};

static struct fake two_parts(void)
{
    return (struct fake){.objects = {
                             {FOLDER "r-00001.csv.gz", "\"p1\"", "one", 1000},
                             {FOLDER "r-00002.csv.gz", "\"p2\"", "two!", 1010},
                             {MANIFEST, "\"m1\"",
                              "{\"assemblyId\":\"a1\",\"compression\":\"GZIP\",\"reportKeys\":[\"" FOLDER
                              "r-00001.csv.gz\",\"" FOLDER "r-00002.csv.gz\"]}",
                              1020},
                         }};
}

static errint take(struct fake *f, const struct model_month_request *in, struct model_month **ret)
{
    struct model_bucket bucket = {.get = fake_get, .list = fake_list, .arg = f};
    return model_month_take(&bucket, in, ret);
}

static void a_whole_delivery_is_taken(void)
{
    struct fake f = two_parts();
    struct model_month *m = NULL;
    CHECK_INT(take(&f, &request, &m), 0);
    CHECK_INT(f.requests, 3);
    CHECK_STR(m->period, "2026-11");
    CHECK_STR(m->manifest_etag, "\"m1\"");
    CHECK_INT(m->manifest_unix, 1020);
    CHECK_INT(m->part_count, 2);
    CHECK_STR(m->parts[0].name, "r-00001.csv.gz");
    CHECK_STR(m->parts[1].etag, "\"p2\"");
    CHECK_INT(m->parts[1].size_bytes, 4);
    CHECK_STR(m->manifest_name, "r-Manifest.json");
    CHECK_STR(m->layout, "overwrite");
    CHECK(m->readable);
    model_month_put(m);
}

static void what_is_unchanged_costs_one_request(void)
{
    struct fake f = two_parts();
    struct model_month_request in = request;
    struct model_month *known = NULL, *m = NULL;
    CHECK_INT(take(&f, &request, &known), 0);
    in.known = known;
    f.requests = 0;
    CHECK_INT(take(&f, &in, &m), -EALREADY);
    CHECK_INT(f.requests, 1);
    f.objects[3] = (struct object){FOLDER "r-00003.csv.gz", "\"left\"", "left over", 2000}; /* no part of it */
    CHECK_INT(take(&f, &in, &m), -EALREADY);
    CHECK(!m);
    model_month_put(known);
}

/* The next delivery's manifest has the same bytes, so the same ETag: its time and the parts' ETags tell. */
static void a_manifest_that_comes_again_with_the_same_bytes(void)
{
    struct fake f = two_parts();
    struct model_month_request in = request;
    struct model_month *known = NULL, *m = NULL;
    CHECK_INT(take(&f, &request, &known), 0);
    in.known = known;
    f.objects[0] = (struct object){FOLDER "r-00001.csv.gz", "\"p1-new\"", "ONE", 2000};
    CHECK_INT(take(&f, &in, &m), -EINPROGRESS); /* its parts come first: newer than the manifest */
    f.objects[1] = (struct object){FOLDER "r-00002.csv.gz", "\"p2-new\"", "TWO!", 2010};
    CHECK_INT(take(&f, &in, &m), -EINPROGRESS);
    f.objects[2].modified = 2020;
    CHECK_INT(take(&f, &in, &m), 0);
    CHECK_STR(m->manifest_etag, "\"m1\"");
    CHECK_INT(m->manifest_unix, 2020);
    CHECK_STR(m->parts[0].etag, "\"p1-new\"");
    CHECK_STR(m->parts[1].etag, "\"p2-new\"");
    in.known = m;
    struct model_month *again = NULL;
    CHECK_INT(take(&f, &in, &again), -EALREADY);
    CHECK(!again);
    model_month_put(known);
    model_month_put(m);
}

/* A replica keeps its objects' times, and they come in any order: the manifest was there before its parts. */
static void parts_that_come_after_their_manifest_are_seen(void)
{
    struct fake f = two_parts();
    struct model_month_request in = request;
    struct model_month *known = NULL, *m = NULL;
    CHECK_INT(take(&f, &request, &known), 0);
    in.known = known;
    f.objects[1] = (struct object){FOLDER "r-00002.csv.gz", "\"p2-late\"", "TWO!", 1011};
    CHECK_INT(take(&f, &in, &m), 0);
    CHECK_STR(m->parts[1].etag, "\"p2-late\"");
    model_month_put(m);
    f.objects[1].key = NULL;
    CHECK_INT(take(&f, &in, &m), -EINPROGRESS);
    model_month_put(known);
}

/* The first torn case: part 1 of the next delivery is there, part 2 and the manifest are the old ones. */
static void a_new_part_under_an_old_manifest_is_torn(void)
{
    struct fake f = two_parts();
    struct model_month *m = NULL;
    f.objects[0] = (struct object){FOLDER "r-00001.csv.gz", "\"p1-new\"", "ONE", 2000};
    CHECK_INT(take(&f, &request, &m), -EINPROGRESS);
    CHECK(strstr(err_message(), "r-00001.csv.gz") != NULL);
    CHECK(!m);
    f.objects[1] = (struct object){FOLDER "r-00002.csv.gz", "\"p2-new\"", "TWO!", 2010};
    CHECK_INT(take(&f, &request, &m), -EINPROGRESS);
    f.objects[2].etag = "\"m2\"";
    f.objects[2].modified = 2020;
    CHECK_INT(take(&f, &request, &m), 0);
    CHECK_STR(m->parts[0].etag, "\"p1-new\"");
    model_month_put(m);
}

/* The second: the whole next delivery lands between the manifest and the list. All parts are newer than the manifest read. */
static void deliver_before_list(struct fake *f)
{
    if (f->requests != 2)
        return;
    f->objects[0].etag = "\"p1-new\"";
    f->objects[1].etag = "\"p2-new\"";
    f->objects[2].etag = "\"m2\"";
}

static void a_manifest_that_changed_meanwhile_is_torn(void)
{
    struct fake f = two_parts();
    struct model_month *m = NULL;
    f.hook = deliver_before_list; /* the parts' times are left as they were: only the manifest's ETag can tell */
    CHECK_INT(take(&f, &request, &m), -EINPROGRESS);
    CHECK(strstr(err_message(), "changed") != NULL);
    f = two_parts();
    f.hook = deliver_before_list;
    f.ignores_conditions = true;
    CHECK_INT(take(&f, &request, &m), -EINPROGRESS);
    CHECK(!m);
}

/* The third: a part that is newer by a second, at each place; one of the same second is whole. */
static void parts_newer_than_the_manifest_are_torn(void)
{
    for (int i = 0; i < 2; i++) {
        struct fake f = two_parts();
        struct model_month *m = NULL;
        f.objects[i].modified = 1021;
        CHECK_INT(take(&f, &request, &m), -EINPROGRESS);
        f.objects[i].modified = 1020;
        CHECK_INT(take(&f, &request, &m), 0);
        model_month_put(m);
    }
}

static void missing_parts_and_manifests_are_on_their_way(void)
{
    struct fake f = two_parts();
    struct model_month *m = NULL;
    f.objects[1].key = NULL;
    CHECK_INT(take(&f, &request, &m), -EINPROGRESS);
    CHECK(strstr(err_message(), "r-00002.csv.gz") != NULL);
    f.objects[2].key = NULL;
    CHECK_INT(take(&f, &request, &m), -EINPROGRESS);
    CHECK(strstr(err_message(), "r-Manifest.json") != NULL);
}

static errint refused(void *arg, const char *prefix, struct aws_s3_listing *ret)
{
    (void)arg;
    (void)prefix;
    (void)ret;
    return err_set(-EACCES, "refused");
}

static void failures_are_not_deliveries(void)
{
    struct fake f = two_parts();
    struct model_month *m = NULL;
    struct model_bucket bucket = {.get = fake_get, .list = refused, .arg = &f};
    CHECK_INT(model_month_take(&bucket, &request, &m), -EACCES);
    f.objects[2].body = "<html>busy</html>";
    CHECK_INT(take(&f, &request, &m), -EIO);
    f.objects[2].body = "{\"reportKeys\":[\"cur/other/x.csv.gz\"]}";
    CHECK_INT(take(&f, &request, &m), -EIO);
    CHECK(strstr(err_message(), "cur/other/x.csv.gz") != NULL);
}

static void the_newest_assembly_is_taken(void)
{
    struct fake f = {
        .objects = {
            {FOLDER "old/r-1.csv.gz", "\"o1\"", "old", 500},
            {FOLDER "old/r-Manifest.json", "\"om\"", "{}", 510},
            {FOLDER "new/r-1.csv.gz", "\"n1\"", "new", 1000},
            {FOLDER "new/r-2.csv.gz", "\"n2\"", "new2", 1001},
            {MANIFEST, "\"m\"",
             "{\"assemblyId\":\"new\",\"reportKeys\":[\"" FOLDER "new/r-1.csv.gz\",\"" FOLDER "new/r-2.csv.gz\"]}",
             1010},
        }};
    struct model_month *m = NULL;
    CHECK_INT(take(&f, &request, &m), 0);
    CHECK_STR(m->layout, "create-new");
    CHECK_INT(m->part_count, 2);
    CHECK_STR(m->parts[1].etag, "\"n2\"");
    CHECK_INT(f.lists, 1);
    model_month_put(m);
}

/* A copy has the times of its copying. Each delivery of this one has a folder of its own, so that nothing is overwritten. */
static void a_copy_of_assemblies_is_whole_whatever_its_times(void)
{
    struct fake f = {
        .objects = {
            {FOLDER "new/r-1.csv.gz", "\"n1\"", "new", 2000},
            {FOLDER "new/r-2.csv.gz", "\"n2\"", "new2", 1001},
            {MANIFEST, "\"m\"",
             "{\"assemblyId\":\"new\",\"reportKeys\":[\"" FOLDER "new/r-1.csv.gz\",\"" FOLDER "new/r-2.csv.gz\"]}",
             1010},
        }};
    static const char *const others[] = {
        "{\"assemblyId\":\"other\",\"reportKeys\":[\"" FOLDER "new/r-1.csv.gz\"]}",
        "{\"assemblyId\":\"\",\"reportKeys\":[\"" FOLDER "new/r-1.csv.gz\"]}",
        "{\"assemblyId\":\"ew\",\"reportKeys\":[\"" FOLDER "new/r-1.csv.gz\"]}",
        "{\"assemblyId\":\"r-1.csv.gz\",\"reportKeys\":[\"" FOLDER "new/r-1.csv.gz\"]}",
    };
    struct model_month *m = NULL;
    CHECK_INT(take(&f, &request, &m), 0);
    CHECK_INT(m->parts[0].last_modified_unix, 2000);
    model_month_put(m);
    m = NULL;
    f.objects[1].key = NULL;
    CHECK_INT(take(&f, &request, &m), -EINPROGRESS);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        f.objects[2].body = others[i];
        CHECK_INT(take(&f, &request, &m), -EINPROGRESS);
    }
    CHECK(!m);
}

/* What is overwritten may have broken off amid, and stay so: never served, however old, but told what can be done. */
static void what_stays_torn_is_explained(void)
{
    struct fake f = two_parts();
    struct model_month *m = NULL;
    f.objects[0].modified = 2000;
    CHECK_INT(take(&f, &request, &m), -EINPROGRESS);
    CHECK(strstr(err_message(), "newer than the manifest") && strstr(err_message(), "copy the manifest once more"));
    f.objects[0].modified = clock_wall_unix() - 3600;
    CHECK_INT(take(&f, &request, &m), -EINPROGRESS);
    CHECK(strstr(err_message(), "newer than the manifest") && !strstr(err_message(), "copy"));
    f.objects[2].modified = clock_wall_unix();
    CHECK_INT(take(&f, &request, &m), 0);
    model_month_put(m);
}

static void leading_slashes_do_not_matter(void)
{
    struct fake f = {.objects = {
                         {"/r/20261101-20261201/r-1.csv.gz", "\"p\"", "x", 1000},
                         {"/r/20261101-20261201/r-Manifest.json", "\"m\"",
                          "{\"reportKeys\":[\"r/20261101-20261201/r-1.csv.gz\"]}", 1010},
                     }};
    struct model_month_request in = {
        .period = "2026-11", .root = "/r/", .folder = "/r/20261101-20261201/", .report = "r"};
    struct model_month *m = NULL;
    CHECK_INT(take(&f, &in, &m), 0);
    CHECK_STR(m->parts[0].key, "/r/20261101-20261201/r-1.csv.gz");
    model_month_put(m);
}

static void empty_reports_are_whole(void)
{
    struct fake f = {.objects = {{MANIFEST, "\"m\"", "{\"reportKeys\":[]}", 1010}}};
    struct model_month *m = NULL;
    CHECK_INT(take(&f, &request, &m), 0);
    CHECK_INT(m->part_count, 0);
    CHECK_INT(f.lists, 0);
    model_month_put(m);
}

static void equal_names_are_made_unique(void)
{
    struct fake f = {
        .objects = {
            {FOLDER "a/r-1.csv.gz", "\"a\"", "x", 1000},
            {FOLDER "b/r-1.csv.gz", "\"b\"", "y", 1000},
            {MANIFEST, "\"m\"", "{\"reportKeys\":[\"" FOLDER "a/r-1.csv.gz\",\"" FOLDER "b/r-1.csv.gz\"]}", 1010},
        }};
    struct model_month *m = NULL;
    CHECK_INT(take(&f, &request, &m), 0);
    CHECK(strcmp(m->parts[0].name, m->parts[1].name) != 0);
    model_month_put(m);
}

static void what_is_kept_comes_back(void)
{
    struct fake f = two_parts();
    struct model_month *m = NULL, *back = NULL;
    struct buf text = BUF_INIT;
    CHECK_INT(take(&f, &request, &m), 0);
    m->parts[1].size_bytes = (1ULL << 40) + 1;
    CHECK_INT(model_month_encode(m, &text), 0);
    CHECK_INT(model_month_decode("2026-11", buf_text(&text), text.len, m->manifest, m->manifest_len, &back), 0);
    CHECK_INT(back->part_count, 2);
    CHECK_INT(back->parts[1].size_bytes, (1LL << 40) + 1);
    CHECK_STR(back->parts[0].key, m->parts[0].key);
    CHECK_STR(back->parts[0].etag, m->parts[0].etag);
    CHECK_INT(back->parts[0].last_modified_unix, 1000);
    CHECK_STR(back->manifest_key, MANIFEST);
    CHECK_STR(back->manifest, m->manifest);
    CHECK_INT(back->manifest_unix, 1020);
    CHECK_STR(back->root, "cur/r/");
    CHECK(back->readable);
    model_month_put(m);
    model_month_put(back);
    CHECK_INT(model_month_decode("2026-11", "{}", 2, "", 0, &back), -EIO);
    buf_done(&text);
}

static const struct unit_test tests[] = {
    {"a_whole_delivery_is_taken", a_whole_delivery_is_taken},
    {"what_is_unchanged_costs_one_request", what_is_unchanged_costs_one_request},
    {"a_manifest_that_comes_again_with_the_same_bytes", a_manifest_that_comes_again_with_the_same_bytes},
    {"parts_that_come_after_their_manifest_are_seen", parts_that_come_after_their_manifest_are_seen},
    {"a_new_part_under_an_old_manifest_is_torn", a_new_part_under_an_old_manifest_is_torn},
    {"a_manifest_that_changed_meanwhile_is_torn", a_manifest_that_changed_meanwhile_is_torn},
    {"parts_newer_than_the_manifest_are_torn", parts_newer_than_the_manifest_are_torn},
    {"missing_parts_and_manifests_are_on_their_way", missing_parts_and_manifests_are_on_their_way},
    {"failures_are_not_deliveries", failures_are_not_deliveries},
    {"the_newest_assembly_is_taken", the_newest_assembly_is_taken},
    {"a_copy_of_assemblies_is_whole", a_copy_of_assemblies_is_whole_whatever_its_times},
    {"what_stays_torn_is_explained", what_stays_torn_is_explained},
    {"leading_slashes_do_not_matter", leading_slashes_do_not_matter},
    {"empty_reports_are_whole", empty_reports_are_whole},
    {"equal_names_are_made_unique", equal_names_are_made_unique},
    {"what_is_kept_comes_back", what_is_kept_comes_back},
};

int main(int argc, char **argv)
{
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
