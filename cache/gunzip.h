/* The decompressed view of a gzip object: a struct source over a lower source.
 *
 * A pass inflates the object from its start into a small window that is used again and again; reads are delivered from
 * the window's own memory. A pass runs only as far ahead of its readers as half its window; a read further ahead makes it
 * skip, a read behind every window starts another pass, at most CACHE_GUNZIP_PASSES_MAX a view.
 *
 * With places (cache/points.h) a pass begins at the last one before its read; the first pass over the whole object keeps
 * them. A reader in order then gets its bytes from several passes at once, one a core, each CACHE_GUNZIP_STRIPE_BYTES of them.
 *
 * The last block is the proof. stat gives the declared size. A read that touches the last block (the last 4096-aligned
 * piece of the declared size), or that begins at or behind the end, is delivered only by a pass that went through the
 * whole object, found every member whole, every CRC and length right, nothing behind them but zeros, and the declared
 * size true. That holds for every pass anew, so the bytes that are handed out are always the bytes that were proven: a pass
 * that began at a place goes on with the CRC of the pass that kept it, and compares it again at every place that it comes to.
 *
 * If the size turns out to be another, or the object is corrupt or cut short, that read and every later one of this view
 * fail with -EIO and the reason: the failure is sticky. proof() is told before any reader is.
 *
 * Ownership: a view takes its object and holds it until its last pass ended, which may be after the view was freed.
 * Threads:   any. proof() is called from a thread of the executor, with no lock held.
 * Errors:    of reads: -EIO as above; -ESTALE and -EIO of the object, sticky too; any other failure of the object goes to
 *            the reads that wait for it, and the next read begins anew. -ENOMEM.
 * Cost:      a pass holds an inflate state (87 KiB), 256 KiB of input (1 MiB beside a large window) and a window from the
 *            budget. Freeing a view never blocks: its passes end at their next turn.
 */
#ifndef CTFS_CACHE_GUNZIP_H
#define CTFS_CACHE_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/source.h"
#include "cache/gunzip_budget.h"
#include "cache/gzip_member.h"
#include "cache/inflate.h"
#include "cache/points.h"

#define CACHE_GUNZIP_PASSES_MAX 4
#define CACHE_GUNZIP_LAST_BLOCK_BYTES 4096
#define CACHE_GUNZIP_STRIPE_BYTES (UINT64_C(8) << 20)

/* What a whole pass found. RESULT 0: every member is whole and checked, and ACTUAL_BYTES is the object's decompressed size,
 * the declared one or not. -EIO (-EFBIG: an absurd header): corrupt or cut, err_message() says how, ACTUAL_BYTES is as far
 * as it went. */
struct cache_gunzip_proof {
    errint result;
    uint64_t actual_bytes;
    uint64_t declared_bytes;
    uint8_t last_byte; /* of the decompressed bytes; 0 when there are none */
};

struct cache_gunzip_setup {
    const char *name;          /* for messages; copied */
    struct executor *executor; /* does the decompression; outlives the budget */
    struct cache_gunzip_budget *budget;
    const struct cache_inflate_ops *inflate; /* NULL: the build's default */
    uint64_t declared_bytes;
    struct cache_points *points; /* of OBJECT; taken with it. NULL: every pass begins at the object's start */
    bool verified; /* an earlier pass proved the size; stat says so, and the last block is held all the same */
    /* Once for each pass that saw the object's end or its corruption. NULL: nobody asks. */
    void (*proof)(void *arg, const struct cache_gunzip_proof *proof);
    /* After the last call of proof(). NULL: nothing to release. */
    void (*release)(void *arg);
    void *arg;
};

/* The set of places of object ID, as a view of DECLARED_BYTES by INFLATE (NULL: the build's default) uses it. */
errint cache_gunzip_points(struct cache_objects *o, const struct cache_object_id *id, uint64_t declared_bytes,
                           const struct cache_inflate_ops *inflate, struct cache_points **ret);

/* Takes OBJECT and SETUP's points, on success alone. */
errint cache_gunzip_new(struct source *object, const struct cache_gunzip_setup *setup, struct source **ret);

/* Proves VIEW (from cache_gunzip_new) by a pass of its own that keeps nothing: -EAGAIN until done (poll-style, as
 * source_pread), then 0 with the true size in *RET, be it the declared one or not, or -EIO; a failure of the object as a
 * read gets it. Answers at once when any pass of the view came to its end before. */
errint cache_gunzip_verify(struct source *view, struct cache_gunzip_proof *ret, struct waiter *w);

struct cache_gunzip_status {
    unsigned passes_count;       /* that exist now */
    uint64_t passes_begun_count; /* from the object's start, ever: 1 for a reader in order */
    uint64_t made_bytes;         /* decompressed, ever */
    unsigned waiting_count;      /* reads that wait */
};
void cache_gunzip_status(struct source *view, struct cache_gunzip_status *ret);

/* The first plain bytes of an object of which the first PREFIX_LEN bytes are in memory (one small ranged GET): at most
 * OUT_LEN bytes into OUT. *ret_more: the prefix ended before OUT was full or the object ended; ask again with a longer one.
 * OBJECT_BYTES is the object's whole size. -EIO: the prefix is no gzip. Nothing is proven by this. */
errint cache_gunzip_head(const void *prefix, size_t prefix_len, uint64_t object_bytes, void *out, size_t out_len,
                         size_t *ret_len, bool *ret_more);

enum cache_gunzip_plausible {
    CACHE_GUNZIP_PLAUSIBLE,   /* publish the declared size */
    CACHE_GUNZIP_MUST_VERIFY, /* a whole pass must say the size first */
};

/* The declared size: the length in the gzip trailer (RFC 1952 section 2.3.1, ISIZE: of the last member, modulo 2^32).
 * TRAILER: the object's last 8 bytes. TYPICAL_RATIO_MILLI: plain bytes for 1000 compressed ones in parts like this one
 * that were proven, 0 if none was. The verdict: not plausible when smaller than the object, when over DEFLATE's 1032 to 1,
 * when another 4 GiB would still be a usual ratio, or when the ratio is more than three times off the typical one. */
enum cache_gunzip_plausible cache_gunzip_declared(const uint8_t trailer[CACHE_GZIP_TRAILER_BYTES],
                                                  uint64_t object_bytes, uint32_t typical_ratio_milli,
                                                  uint64_t *ret_declared_bytes);

#endif
