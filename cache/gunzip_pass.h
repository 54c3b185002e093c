/* The inside of a gunzip view, shared by gunzip.c (readers) and gunzip_pass.c (the task that decompresses).
 *
 * Ownership: a view counts its struct source (1) and each pass (1); a pass frees itself at its last turn.
 * Threads:   everything not said to be constant or the run()'s own is protected by view->lock.
 * Errors:    as cache/gunzip.h.
 * Cost:      lists of wants and pins are as long as reads are in flight.
 */
#ifndef CTFS_CACHE_GUNZIP_PASS_H
#define CTFS_CACHE_GUNZIP_PASS_H

#include "cache/gunzip.h"
#include "cache/gunzip_stream.h"

/* So many reads near the front, asking and getting counted, make a reader in order. */
#define CACHE_GUNZIP_IN_ORDER_MIN 4

struct cache_gunzip_pass;

/* A read that waits. Parked: its line has its waiter. Ready: woken, to be claimed by its next call. */
struct cache_gunzip_want {
    struct cache_gunzip_want *next;
    struct cache_gunzip_pass *pass; /* NULL once failed */
    uint64_t off;
    size_t len;
    bool last; /* touches the last block: waits for the proof */
    bool ready;
    int64_t ready_ns;
    struct err failed; /* what to answer */
    struct waitlist line;
};

/* A delivery in progress: on the stack of the reader. */
struct cache_gunzip_pin {
    struct cache_gunzip_pin *next;
    uint64_t off;
};

struct cache_gunzip {
    struct source source;
    struct source *object;           /* constant, as all down to last_off */
    struct cache_gunzip_setup setup; /* with a name of its own */
    uint64_t last_off;               /* where the last block begins */
    uint64_t interval;               /* of places; 0: there are none */
    unsigned cores;
    pthread_mutex_t lock;
    unsigned holders_count; /* the source and the passes */
    bool closed;            /* the last reference was put */
    bool concluded;         /* FOUND is what the first whole pass found */
    struct cache_gunzip_proof found;
    struct err failed; /* sticky: the answer to every read */
    struct cache_gunzip_pass *passes[CACHE_GUNZIP_PASSES_MAX];
    unsigned passes_count;
    struct cache_gunzip_want *wants;
    struct waitlist line; /* reads that wait for a pass to be free */
    struct cache_gunzip_pass *verifier;
    struct waitlist verify_line;
    struct err verify_failed; /* a passing failure, for who waits on verify_line */
    int64_t verify_failed_ns;
    uint64_t begun_count, made_bytes;
};

struct cache_gunzip_pass {
    struct task task;
    struct waiter waiter; /* on the object's lists or the budget's */
    struct cache_gunzip_share share;
    struct cache_gunzip *view;
    bool verify; /* constant: keeps nothing, has no readers */

    /* run()'s own */
    struct cache_gunzip_stream stream;
    uint8_t *in;
    size_t in_at, in_len, in_room;
    uint64_t in_off; /* of the object, behind IN */
    uint64_t object_bytes;
    bool object_known;
    bool object_failed; /* the failure is not the data's: the object's, or of a place */
    bool restore;       /* what was kept for FROM is to be loaded */
    bool asked, makes;  /* whether it keeps places; it does */
    uint8_t *scratch;   /* output that is not kept */

    uint64_t start, end; /* what the window holds: [start, end) of the plain bytes */
    uint64_t front;      /* the furthest end of a delivery so far */
    size_t room;         /* the window's size as far as it is used: less than the ring's before it shrinks */
    unsigned in_order;   /* reads near the front since the last far one */
    int64_t used_ns;     /* the last read */
    struct cache_gunzip_pin *pins;
    bool busy;   /* run() decompresses: the lock is not held, the window is written at END */
    bool rewind; /* run() shall begin anew, at FROM */
    struct cache_point from;
    bool maker;       /* what MAKES was at the end of the last turn */
    uint64_t striped; /* up to this stripe others were sent ahead */
    uint64_t limit;   /* where another pass goes on: it runs further only for a read that waits; 0: nowhere */
    bool ahead;       /* nobody has read from it yet: it was hinted at, and fills its window */
    bool begun;       /* it had a turn */
    bool ended;       /* went to the end: all it holds is proven */
    bool rests;       /* ended, and its ring holds the last bytes alone */
    bool stalled;     /* the object failed: only a reader that waits makes it try again */
};

/* Under the lock, all of these. */

/* A pass at the object's start, in view->passes or as view->verifier. */
errint cache_gunzip_pass_new(struct cache_gunzip *v, bool verify, struct cache_gunzip_pass **ret);

/* Wakes P if there is something for it to do. */
void cache_gunzip_pass_nudge(struct cache_gunzip_pass *p);

/* On from PLACE (NULL: the object's start), at its next turn; P is not busy. */
void cache_gunzip_pass_seek(struct cache_gunzip_pass *p, const struct cache_point *place);

/* Notes whether P has readers, for the budget. */
void cache_gunzip_pass_mark(struct cache_gunzip_pass *p);

/* Somebody waits for P, or was woken and has not come yet. */
bool cache_gunzip_pass_is_wanted(const struct cache_gunzip_pass *p);

/* Nobody waits for P, reads from its window or needs it at this moment. */
bool cache_gunzip_pass_is_free(const struct cache_gunzip_pass *p);

/* Takes W out of the view's list; frees it. Whoever waits on it is woken. */
void cache_gunzip_want_drop(struct cache_gunzip *v, struct cache_gunzip_want *w);

/* Puts the view's count down and the lock with it; frees the view behind the last. */
void cache_gunzip_unref(struct cache_gunzip *v);

#endif
