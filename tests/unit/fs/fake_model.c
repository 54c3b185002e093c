/* See fake_model.h. Topics and sources wait on one list each; the waker wakes both whenever their knob lets them go on. */
#include "fake_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/job.h"
#include "model/command.h"
#include "model/organization.h"
#include "model/policies.h"
#include "model/report.h"
#include "model/resources.h"
#include "model/seen.h"
#include "model/status.h"

struct fake *fake;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct waitlist topic_waiters, read_waiters; /* protected by lock */
static pthread_t waker;
static atomic_bool waker_ends;
static struct model_customer customer;

char fake_byte(int version, uint64_t off)
{
    if (off % 32 == 31)
        return '\n';
    return (char)('a' + (off / 32 * 7 + off + (uint64_t)version * 3) % 26);
}

static void *wake_all(void *arg)
{
    (void)arg;
    while (!waker_ends) {
        pthread_mutex_lock(&lock);
        if (!fake->topics_stuck)
            waitlist_wake(&topic_waiters);
        if (!fake->reads_stuck)
            waitlist_wake(&read_waiters);
        pthread_mutex_unlock(&lock);
        usleep(2000);
    }
    return NULL;
}

errint fake_model_new(const struct model_settings *settings, struct model **ret)
{
    struct model *m = calloc(1, sizeof *m);
    m->settings = settings;
    pthread_mutex_init(&m->lock, NULL);
    waitlist_init(&topic_waiters);
    waitlist_init(&read_waiters);
    customer = (struct model_customer){.model = m, .connection.connected = true};
    static char scope[] = "c-1/", bucket[] = "bucket";
    customer.scope = scope;
    customer.connection.bucket = bucket;
    waker_ends = false;
    pthread_create(&waker, NULL, wake_all, NULL);
    *ret = m;
    return jobs_new(4, &m->jobs);
}

void model_stop(struct model *m)
{
    jobs_stop(m->jobs);
}

void model_free(struct model *m)
{
    waker_ends = true;
    pthread_join(waker, NULL);
    jobs_free(m->jobs);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

errint model_current(struct model *m, struct model_customer **ret)
{
    (void)m;
    if (fake->unconnected)
        return err_set(-ENOENT, "no connection");
    atomic_fetch_add(&customer.refs, 1);
    *ret = &customer;
    return 0;
}

void model_customer_put(struct model_customer *c)
{
    atomic_fetch_sub(&c->refs, 1);
}

errint model_fetch_need(struct model_customer *c, enum model_topic topic, const char *arg, struct waiter *w)
{
    (void)c;
    (void)topic;
    (void)arg;
    errint e = 0;
    pthread_mutex_lock(&lock);
    if (fake->topics_stuck) {
        waitlist_add(&topic_waiters, w);
        e = -EAGAIN;
    }
    pthread_mutex_unlock(&lock);
    return e;
}

static void account_id(int i, char ret[13])
{
    (void)snprintf(ret, 13, "%012d", i + 1);
}

static errint find_account(const char *id, int *ret)
{
    char text[13];
    *ret = atoi(id) - 1;
    account_id(*ret, text);
    return *ret >= 0 && *ret < fake->account_count && strcmp(text, id) == 0 ? 0 : err_set(-ENOENT, "no account %s", id);
}

errint model_accounts_each(struct model_customer *c, int (*each)(void *arg, const struct model_account *a), void *arg)
{
    (void)c;
    int e = 0;
    for (int i = 0; i < fake->account_count && e == 0; i++) {
        char id[13];
        account_id(i, id);
        e = each(arg, &(struct model_account){.id = id});
    }
    return e;
}

bool model_organization_absent(struct model_customer *c)
{
    (void)c;
    return false;
}

bool model_organization_refused(struct model_customer *c)
{
    (void)c;
    return false;
}

errint model_account_changed(struct model_customer *c, const char *id, int64_t *ret_ns)
{
    (void)c;
    int i;
    *ret_ns = 1700000000 * CLOCK_NS_PER_S;
    return find_account(id, &i);
}

errint model_accounts_changed(struct model_customer *c, int64_t *ret_ns)
{
    (void)c;
    *ret_ns = 1700000001 * CLOCK_NS_PER_S;
    return 0;
}

errint model_account_file(struct model_customer *c, const char *id, enum model_account_file which, struct buf *ret,
                          int64_t *ret_floor_ns)
{
    (void)c;
    int i;
    errint e = find_account(id, &i);
    *ret_floor_ns = 0;
    if (e == 0 && which == MODEL_ACCOUNT_NAME)
        buf_printf(ret, "%s%d\n", i == 0 && fake->renamed ? "renamed" : "account", i);
    else if (e == 0)
        buf_printf(ret, "file %d of %s\n", (int)which, id);
    return e;
}

errint model_accounts_tsv(struct model_customer *c, struct buf *ret)
{
    (void)c;
    buf_puts(ret, "id\tname\n");
    return 0;
}

errint model_organization_json(struct model_customer *c, struct buf *ret)
{
    (void)c;
    buf_puts(ret, "{}\n");
    return 0;
}

static int each_account(int (*each)(void *arg, const struct model_unit_entry *e), void *arg)
{
    int e = 0;
    for (int i = 0; i < fake->account_count && e == 0; i++) {
        char id[13], name[32];
        account_id(i, id);
        (void)snprintf(name, sizeof name, "account%d", i);
        e = each(arg, &(struct model_unit_entry){.file_name = name, .id = id, .account = true});
    }
    return e;
}

errint model_unit_each(struct model_customer *c, const char *parent_id,
                       int (*each)(void *arg, const struct model_unit_entry *e), void *arg)
{
    (void)c;
    if (strcmp(parent_id, "") == 0)
        return each(arg, &(struct model_unit_entry){.file_name = "Root", .id = "r-1"});
    if (strcmp(parent_id, "r-1") == 0)
        return each(arg, &(struct model_unit_entry){.file_name = "Prod", .id = "ou-1"});
    return each_account(each, arg);
}

errint model_by_name_each(struct model_customer *c, int (*each)(void *arg, const struct model_unit_entry *e), void *arg)
{
    (void)c;
    return each_account(each, arg);
}

errint model_resources_accounts_each(struct model_customer *c, int (*each)(void *arg, const char *account), void *arg)
{
    (void)c;
    return each(arg, "000000000001");
}

errint model_resources_regions_each(struct model_customer *c, int (*each)(void *arg, const char *region), void *arg)
{
    (void)c;
    int e = each(arg, "eu-west-1");
    return e ? e : each(arg, "us-east-1");
}

errint model_instances_each(struct model_customer *c, const char *region, int (*each)(void *arg, const char *id),
                            void *arg)
{
    (void)c;
    return strcmp(region, "us-east-1") == 0 ? each(arg, "i-1") : 0;
}

errint model_instances_changed(struct model_customer *c, const char *region, int64_t *ret_ns)
{
    (void)c;
    (void)region;
    *ret_ns = 1700000002 * CLOCK_NS_PER_S;
    return 0;
}

errint model_instance_file(struct model_customer *c, const char *region, const char *id, enum model_instance_file which,
                           struct buf *ret, int64_t *ret_floor_ns)
{
    (void)c;
    *ret_floor_ns = 0;
    if (strcmp(region, "us-east-1") != 0 || strcmp(id, "i-1") != 0)
        return err_set(-ENOENT, "no instance %s", id);
    buf_printf(ret, "instance %d\n", (int)which);
    return 0;
}

errint model_policies_each(struct model *m, const struct cache_connection *c, int (*each)(void *arg, const char *name),
                           void *arg)
{
    (void)m;
    (void)c;
    return each(arg, "trust-policy.json");
}

errint model_policies_file(struct model *m, const struct cache_connection *c, const char *name, struct buf *ret)
{
    (void)m;
    (void)c;
    buf_printf(ret, "%s\n", name);
    return 0;
}

static const char *const months[] = {"2026-10", "2026-11"};

errint model_months_each(struct model_customer *c, int (*each)(void *arg, const char *period), void *arg)
{
    (void)c;
    int e = each(arg, months[0]);
    return e ? e : each(arg, months[1]);
}

errint model_months_changed(struct model_customer *c, int64_t *ret_ns)
{
    (void)c;
    *ret_ns = 1700000003 * CLOCK_NS_PER_S;
    return 0;
}

errint model_months_link(struct model_customer *c, const char *which, char ret_period[8])
{
    (void)c;
    (void)snprintf(ret_period, 8, "%s", months[strcmp(which, "latest") == 0]);
    return 0;
}

errint model_month_get(struct model_customer *c, const char *period, struct model_month **ret)
{
    (void)c;
    static char manifest[] = "{}\n", key[] = "cur/m.json", part_key[] = "cur/r.csv.gz", etag[] = "e1";
    struct model_month *m = calloc(1, sizeof *m);
    (void)snprintf(m->period, sizeof m->period, "%s", period);
    m->manifest_key = key;
    m->manifest_etag = etag;
    m->manifest_name = key + 4;
    m->manifest = manifest;
    m->manifest_len = 3;
    m->manifest_unix = 1700000004;
    m->parts = calloc(1, sizeof *m->parts);
    m->parts[0] = (struct model_part){.key = part_key, .name = part_key + 4, .etag = etag, .size_bytes = 100};
    m->part_count = 1;
    m->readable = true;
    atomic_init(&m->refs, 1);
    *ret = m;
    return 0;
}

void model_month_put(struct model_month *m)
{
    if (atomic_fetch_sub(&m->refs, 1) != 1)
        return;
    free(m->parts);
    free(m);
}

static uint64_t published_size(void)
{
    return FAKE_REPORT_BYTES + (fake->size_wrong == 1 ? FAKE_EXTRA_BYTES : 0);
}

/* A wrong size that was found out (2) is another version than before (1). */
static uint64_t published_version(void)
{
    return (uint64_t)fake->version * 10 + (uint64_t)fake->size_wrong;
}

errint model_report_stat(struct model_customer *c, struct model_month *m, size_t index, struct model_file *ret,
                         struct waiter *w)
{
    (void)c;
    (void)m;
    (void)index;
    (void)w;
    *ret = (struct model_file){
        .size_bytes = published_size(), .mtime_ns = 1700000005 * CLOCK_NS_PER_S, .version = published_version()};
    return 0;
}

bool model_report_known(struct model_customer *c, struct model_month *m, size_t index)
{
    (void)c;
    (void)m;
    (void)index;
    return true;
}

struct fake_source {
    struct source source;
    uint64_t size;
    int version;
};

static errint report_pread(struct source *s, uint64_t off, size_t len, source_deliver deliver, void *arg,
                           struct waiter *w)
{
    struct fake_source *f = (struct fake_source *)s;
    pthread_mutex_lock(&lock);
    bool stuck = fake->reads_stuck;
    if (stuck)
        waitlist_add(&read_waiters, w);
    pthread_mutex_unlock(&lock);
    if (stuck)
        return -EAGAIN;
    uint64_t left = off < f->size ? f->size - off : 0;
    size_t n = left < len ? (size_t)left : len;
    /* Once only: that the failure lasts is the mount's doing. */
    if (fake->size_wrong == 1 && off + n > FAKE_REPORT_BYTES) {
        fake->size_wrong = 2;
        return err_set(-EIO, "the declared size is wrong");
    }
    char *bytes = calloc(1, n + 1);
    for (size_t i = 0; i < n; i++)
        bytes[i] = fake_byte(f->version, off + i);
    deliver(arg, bytes, n);
    free(bytes);
    return 0;
}

static void report_free(struct source *s)
{
    free(s);
}

static const struct source_ops report_ops = {.pread = report_pread, .free = report_free};

errint model_report_open(struct model_customer *c, struct model_month *m, size_t index, uint64_t version,
                         struct source **ret, struct waiter *w)
{
    (void)c;
    (void)m;
    (void)index;
    (void)w;
    if (version != published_version())
        return err_set(-ESTALE, "another version");
    struct fake_source *f = calloc(1, sizeof *f);
    source_init(&f->source, &report_ops);
    f->size = published_size();
    f->version = fake->version;
    *ret = &f->source;
    return 0;
}

errint model_raw_stat(struct model_customer *c, struct model_month *m, size_t index, struct model_file *ret)
{
    (void)c;
    *ret = (struct model_file){.size_bytes = index == 0 ? 100 : m->manifest_len, .verified = true, .version = 1};
    return 0;
}

errint model_raw_open(struct model_customer *c, struct model_month *m, size_t index, struct source **ret)
{
    (void)c;
    size_t len = index == 0 ? 100 : m->manifest_len;
    char *data = malloc(len);
    memset(data, 'z', len);
    if (index != 0)
        memcpy(data, m->manifest, len);
    return source_memory_new(data, len, ret);
}

errint model_month_file(struct model_customer *c, struct model_month *m, enum model_month_file which, struct buf *ret,
                        int64_t *ret_floor_ns, struct waiter *w)
{
    (void)c;
    (void)w;
    *ret_floor_ns = 0;
    buf_printf(ret, "%s %d\n", m->period, (int)which);
    return 0;
}

errint model_reports_json(struct model_customer *c, struct buf *ret)
{
    (void)c;
    buf_puts(ret, "{}\n");
    return 0;
}

errint model_status_text(struct model *m, struct buf *ret, enum model_health *ret_health)
{
    (void)m;
    *ret_health = MODEL_OK;
    buf_printf(ret, "ok\nstate %d\ncounter %08d\n", (int)fake->state, atomic_fetch_add(&fake->counter, 1));
    return 0;
}

errint model_status_json(struct model *m, struct buf *ret)
{
    (void)m;
    buf_puts(ret, "{}\n");
    return 0;
}

errint model_status_digest(struct model *m, struct hash128 *ret)
{
    (void)m;
    *ret = (struct hash128){.a = (uint64_t)fake->state};
    return 0;
}

void model_status_tell(struct model *m, const char *key, const char *format, ...)
{
    (void)m;
    (void)format;
    if (strcmp(key, "connect dropped") == 0)
        fake->dropped++;
}

void model_status_forget(struct model *m, const char *prefix)
{
    (void)m;
    (void)prefix;
}

static void put_command(const struct model_command *command)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < command->count; i++)
        buf_printf(&text, "%s%s=%s", i ? " " : "", command->pairs[i].key, command->pairs[i].value);
    (void)snprintf(fake->last_command, sizeof fake->last_command, "%s", buf_text(&text));
    buf_done(&text);
}

errint model_command_run(struct model *m, const struct model_command *command, struct cancel *cancel,
                         void (*progress)(void *arg, const char *line), void *arg, struct buf *answer)
{
    (void)m;
    (void)progress;
    (void)arg;
    errint e = 0;
    fake->commands_begun++;
    if (fake->command_hangs)
        e = cancel_sleep_until(cancel, clock_monotonic_ns() + 60 * CLOCK_NS_PER_S);
    for (int i = 0; i < 1000 && fake->command_hangs_deaf; i++)
        usleep(10000);
    if (e == 0 && fake->command_result)
        e = err_set(fake->command_result, "as the test wants it");
    put_command(command);
    if (e == 0)
        buf_printf(answer, "connection='c-%d'\n", (int)fake->commands_run);
    fake->commands_run++;
    return e;
}

errint model_connect_text(struct model *m, struct buf *ret, struct waiter *w)
{
    (void)m;
    (void)w;
    buf_puts(ret, "state='none'\n");
    return 0;
}

/* Contents seen, by inode; a few are enough. */
errint model_seen_dated(struct model *m, uint64_t ino, int64_t changed_ns, int64_t *ret_ns)
{
    if (changed_ns == 0)
        return model_seen_first(m, ino, (struct hash128){0, 0}, 0, ret_ns);
    *ret_ns = changed_ns;
    return 0;
}

errint model_seen_first(struct model *m, uint64_t ino, struct hash128 hash, int64_t floor_ns, int64_t *ret_ns)
{
    (void)m;
    int64_t now_ns = clock_wall_ns();
    if (atomic_load(&fake->lookups_hang))
        atomic_fetch_add(&fake->lookups_hung, 1);
    while (atomic_load(&fake->lookups_hang))
        usleep(5000);
    static struct {
        uint64_t ino, hash;
        int64_t ns;
    } seen[4096];
    pthread_mutex_lock(&lock);
    size_t i = 0;
    while (i < 4095 && seen[i].ns && seen[i].ino != ino)
        i++;
    if (seen[i].ns == 0 || seen[i].hash != hash.a || seen[i].ino != ino)
        seen[i].ns = now_ns > floor_ns ? now_ns : floor_ns;
    seen[i].ino = ino;
    seen[i].hash = hash.a;
    *ret_ns = seen[i].ns;
    pthread_mutex_unlock(&lock);
    return 0;
}

void model_fetch_scope(const struct model_customer *c, enum model_topic topic, const char *arg, struct buf *ret)
{
    buf_printf(ret, "%s%d/%s", c->scope, (int)topic, arg);
}

errint model_month_stamp(struct model_customer *c, const char *period, struct model_month_stamp *ret)
{
    (void)c;
    (void)period;
    *ret = (struct model_month_stamp){.fetched_ns = 1, .changed_ns = fake->version};
    return 0;
}

void model_status_space(struct model *m, uint64_t *ret_used_bytes, uint64_t *ret_limit_bytes)
{
    (void)m;
    *ret_used_bytes = *ret_limit_bytes = 0;
}

void model_status_set_waiting(struct model *m, model_waiting_list list, void *arg)
{
    m->waiting = list;
    m->waiting_arg = arg;
}

errint model_fetch_time(const struct model_customer *c, enum model_topic topic, const char *arg, int64_t *ret_ns)
{
    (void)c, (void)topic, (void)arg;
    *ret_ns = CLOCK_NS_PER_S;
    return 0;
}
