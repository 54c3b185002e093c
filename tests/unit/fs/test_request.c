/* Requests and the park without a kernel: this file is libfuse as far as they call it, and counts the answers. */
#include "../../lib/unit.h"

#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "fake_model.h"
#include "fs/request.h"

/* As libfuse 3.14 has it: the callback runs under the request's lock, and an answer frees what the lock guards. */
struct fuse_req {
    pthread_mutex_t lock;
    fuse_interrupt_func_t callback;
    void *data;
    bool was_interrupted;
    atomic_int answers;
    atomic_int error; /* of the answer */
};

void fuse_req_interrupt_func(fuse_req_t req, fuse_interrupt_func_t func, void *data)
{
    pthread_mutex_lock(&req->lock);
    req->callback = func;
    req->data = data;
    if (req->was_interrupted && func)
        func(req, data);
    pthread_mutex_unlock(&req->lock);
}

static void interrupt(struct fuse_req *req)
{
    pthread_mutex_lock(&req->lock);
    req->was_interrupted = true;
    if (req->callback)
        req->callback(req, req->data);
    pthread_mutex_unlock(&req->lock);
}

int fuse_reply_err(fuse_req_t req, int err)
{
    pthread_mutex_lock(&req->lock);
    CHECK(!req->callback);
    pthread_mutex_unlock(&req->lock);
    req->error = err;
    req->answers++;
    return 0;
}

static struct fs *fs;
static struct model *model;
static struct model_settings settings;
static struct waitlist list;
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static bool open_gate; /* protected by list_lock */
static atomic_int tries;

static void begin_with(int64_t op_timeout_ms)
{
    settings = (struct model_settings){.op_timeout_ms = op_timeout_ms};
    memset(fake, 0, sizeof *fake);
    CHECK_INT(fake_model_new(&settings, &model), 0);
    CHECK_INT(fs_new(model, &fs), 0);
    waitlist_init(&list);
    open_gate = false;
    tries = 0;
}

/* As the mount ends: an answer comes before its request is gone. */
static void end(void)
{
    CHECK_INT(fs_park_wait_empty(fs->park, clock_monotonic_ns() + 20 * CLOCK_NS_PER_S), 0);
    fs_free(fs);
    model_stop(model);
    model_free(model);
    waitlist_done(&list);
}

static errint wait_at_gate(struct fs_request *r)
{
    tries++;
    pthread_mutex_lock(&list_lock);
    bool pass = open_gate;
    if (!pass)
        waitlist_add(&list, &r->waiter);
    pthread_mutex_unlock(&list_lock);
    if (!pass)
        return -EAGAIN;
    fs_request_answer_error(r, 0);
    return 0;
}

static void set_gate(bool pass)
{
    pthread_mutex_lock(&list_lock);
    open_gate = pass;
    waitlist_wake(&list);
    pthread_mutex_unlock(&list_lock);
}

static void init_req(struct fuse_req *req)
{
    memset(req, 0, sizeof *req);
    pthread_mutex_init(&req->lock, NULL);
}

static void begin_request(struct fuse_req *req, fs_request_try attempt)
{
    fs_request_begin(fs_request_new(fs, req, "read", FS_FIRST_TRY, attempt));
}

static void wait_answer(struct fuse_req *req)
{
    for (int i = 0; i < 2000 && req->answers == 0; i++)
        usleep(1000);
}

static void test_answer_at_once(void)
{
    struct fuse_req req;
    begin_with(60000);
    init_req(&req);
    set_gate(true);
    begin_request(&req, wait_at_gate);
    CHECK_INT(req.answers, 1);
    CHECK_INT(fs_park_count(fs->park), 0);
    end();
}

static void test_wake(void)
{
    struct fuse_req req;
    begin_with(60000);
    init_req(&req);
    begin_request(&req, wait_at_gate);
    CHECK_INT(fs_park_count(fs->park), 1);
    set_gate(false); /* a wake for nothing */
    for (int i = 0; i < 2000 && tries < 2; i++)
        usleep(1000);
    CHECK(tries >= 2);
    CHECK_INT(req.answers, 0);
    set_gate(true);
    wait_answer(&req);
    CHECK_INT(req.answers, 1);
    CHECK_INT(req.error, 0);
    end();
}

static void test_deadline(void)
{
    struct fuse_req req;
    begin_with(50);
    init_req(&req);
    begin_request(&req, wait_at_gate);
    wait_answer(&req);
    CHECK_INT(req.answers, 1);
    CHECK_INT(req.error, ETIMEDOUT);
    end();
}

static void test_interrupt_before_and_after_parking(void)
{
    struct fuse_req before, after;
    begin_with(60000);
    init_req(&before);
    init_req(&after);
    before.was_interrupted = true;
    begin_request(&before, wait_at_gate);
    begin_request(&after, wait_at_gate);
    interrupt(&after);
    wait_answer(&before);
    wait_answer(&after);
    CHECK_INT(before.answers, 1);
    CHECK_INT(before.error, EINTR);
    CHECK_INT(after.answers, 1);
    CHECK_INT(after.error, EINTR);
    end();
}

/* An interrupted one whose bytes are nearly there is answered with them. */
static errint pass_second_time(struct fs_request *r)
{
    if (tries++ == 0) {
        pthread_mutex_lock(&list_lock);
        waitlist_add(&list, &r->waiter);
        pthread_mutex_unlock(&list_lock);
        return -EAGAIN;
    }
    fs_request_answer_error(r, 0);
    return 0;
}

static void test_ready_when_interrupted(void)
{
    struct fuse_req req;
    begin_with(60000);
    init_req(&req);
    begin_request(&req, pass_second_time);
    interrupt(&req);
    wait_answer(&req);
    CHECK_INT(req.answers, 1);
    CHECK_INT(req.error, 0);
    end();
}

/* The moment that a brief one waits passes amid its second try. */
static errint answer_when_late(struct fs_request *r)
{
    r->ask.brief = true;
    if (r->ask.late) {
        fs_request_answer_error(r, 0);
        return 0;
    }
    pthread_mutex_lock(&list_lock);
    waitlist_add(&list, &r->waiter);
    pthread_mutex_unlock(&list_lock);
    if (++tries == 2)
        for (int i = 0; i < 5000 && atomic_load(&r->parked.verdict) == 0; i++)
            usleep(1000);
    return -EAGAIN;
}

static void test_late_amid_a_try(void)
{
    struct fuse_req req;
    begin_with(60000);
    init_req(&req);
    begin_request(&req, answer_when_late);
    set_gate(false);
    wait_answer(&req);
    CHECK_INT(tries, 2);
    CHECK_INT(req.answers, 1);
    CHECK_INT(req.error, 0);
    end();
}

static errint stay_though_interrupted(struct fs_request *r)
{
    r->patient = true;
    return wait_at_gate(r);
}

static void test_patient(void)
{
    struct fuse_req req;
    begin_with(60000);
    init_req(&req);
    begin_request(&req, stay_though_interrupted);
    interrupt(&req);
    usleep(60000);
    CHECK_INT(req.answers, 0);
    set_gate(true);
    wait_answer(&req);
    CHECK_INT(req.answers, 1);
    CHECK_INT(req.error, 0);
    end();
}

static void test_stop_answers_all(void)
{
    enum { COUNT = 50 };
    static struct fuse_req req[COUNT], late;
    begin_with(60000);
    for (size_t i = 0; i < COUNT; i++) {
        init_req(&req[i]);
        begin_request(&req[i], i % 2 ? wait_at_gate : stay_though_interrupted);
    }
    fs_park_stop(fs->park);
    CHECK_INT(fs_park_wait_empty(fs->park, clock_monotonic_ns() + 10 * CLOCK_NS_PER_S), 0);
    init_req(&late);
    begin_request(&late, wait_at_gate);
    wait_answer(&late);
    CHECK_INT(late.error, ENOTCONN);
    for (size_t i = 0; i < COUNT; i++) {
        wait_answer(&req[i]);
        CHECK_INT(req[i].answers, 1);
        CHECK_INT(req[i].error, ENOTCONN);
    }
    end();
}

static atomic_bool storm_ends;

static void *wake_storm(void *arg)
{
    for (unsigned i = 0; !storm_ends; i++)
        set_gate(i % 3 == 0);
    return arg;
}

enum { STORM = 3000 };
static struct fuse_req storm[STORM];
static atomic_size_t begun;

static void *interrupt_storm(void *arg)
{
    while (!storm_ends)
        for (size_t i = begun > 64 ? begun - 64 : 0; i < begun; i += 3)
            interrupt(&storm[i]);
    return arg;
}

/* Wakes, interrupts and deadlines against each other: each request has one answer. */
static void test_storm(void)
{
    pthread_t threads[3];
    begin_with(16);
    storm_ends = false;
    begun = 0;
    for (size_t i = 0; i < STORM; i++)
        init_req(&storm[i]);
    pthread_create(&threads[0], NULL, wake_storm, NULL);
    pthread_create(&threads[1], NULL, interrupt_storm, NULL);
    pthread_create(&threads[2], NULL, interrupt_storm, NULL);
    for (size_t i = 0; i < STORM; i++) {
        begun = i + 1;
        begin_request(&storm[i], wait_at_gate);
    }
    CHECK_INT(fs_park_wait_empty(fs->park, clock_monotonic_ns() + 20 * CLOCK_NS_PER_S), 0);
    storm_ends = true;
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    size_t wrong = 0, seen[3] = {0};
    for (size_t i = 0; i < STORM; i++) {
        wait_answer(&storm[i]);
        int error = storm[i].error;
        wrong += storm[i].answers != 1 || (error != 0 && error != EINTR && error != ETIMEDOUT);
        seen[error == 0 ? 0 : error == EINTR ? 1 : 2]++;
    }
    printf("storm: %zu passed, %zu interrupted, %zu timed out\n", seen[0], seen[1], seen[2]);
    CHECK_INT(wrong, 0);
    set_gate(true);
    end();
}

static const struct unit_test tests[] = {
    {"answer at once", test_answer_at_once},
    {"wake", test_wake},
    {"deadline", test_deadline},
    {"interrupt before and after parking", test_interrupt_before_and_after_parking},
    {"ready when interrupted", test_ready_when_interrupted},
    {"late amid a try", test_late_amid_a_try},
    {"patient", test_patient},
    {"stop answers all", test_stop_answers_all},
    {"storm", test_storm},
};

int main(int argc, char **argv)
{
    static struct fake knobs;
    fake = &knobs;
    return unit_main(argc, argv, tests, sizeof tests / sizeof tests[0]);
}
