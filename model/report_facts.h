/* Inside model/report: what is known of one part, and how it is learnt: its declared size and its header record by small
 * requests, its true size by a proof.
 *
 * Ownership: facts are the caller's (cache_fact_done). Threads: any; poll-style as model/report.h.
 * Errors: the requests' own, kept for 2 s; -EIO a part known to be corrupt.
 * Cost: two small GETs a part at once (of a part under MODEL_FACTS_SMALL_BYTES: the part itself, into the objects' cache).
 */
#ifndef CTFS_MODEL_REPORT_FACTS_H
#define CTFS_MODEL_REPORT_FACTS_H

#include "cache/gunzip.h"
#include "model/report.h"
#include "model/report_sample.h"

#define MODEL_FACTS_SMALL_BYTES ((size_t)256 * 1024)

/* How an answer may be sought. */
struct model_asking {
    bool quiet; /* begin nothing: what is not known is -EAGAIN, and nobody waits */
    struct waiter *waiter;
};

/* The part's facts, header and declared size known; header "" of -1 bytes: it cannot be read. */
errint model_facts_get(struct model_customer *c, const char *period, const struct model_part *part,
                       const struct model_asking *asking, struct cache_fact *ret);

/* FACT's declared size and header, learnt beside the objects' cache or not; what a proof said is kept. */
errint model_facts_learnt(struct model_customer *c, const char *name, const struct cache_fact *fact, bool beside);

/* The version was replaced: what is only noted about how it was learnt goes. */
void model_facts_forget(struct model_customer *c, const struct model_part *part);

/* The size to publish for the part: declared or verified, as design and settings demand. */
errint model_facts_size(struct model_customer *c, const struct model_month *m, const struct model_part *part,
                        const struct model_asking *asking, struct cache_fact *ret_fact, struct model_file *ret);

/* What a pass over the part found (cache/gunzip.h): keeps the true size, or asks for fresh bytes, or gives the verdict.
 * FRESH: the part was suspected already when the pass's view was opened. */
void model_facts_proven(struct model_customer *c, const char *period, const struct model_part *part,
                        const struct cache_gunzip_proof *proof, bool fresh);
/* The part's last record has no line end. */
void model_facts_unended(struct model_customer *c, const struct model_part *part);
bool model_facts_suspected(struct model_customer *c, const struct model_part *part);
/* Drops its bytes: the next ones decide. */
void model_facts_suspect(struct model_customer *c, const struct model_part *part);

/* The part's object as S3 has it, kept on disk. A refusal as replaced makes the month be looked at again. */
errint model_source_object(struct model_customer *c, const char *period, const struct model_part *part,
                           struct source **ret);

/* The decompressed view of it, of SIZE_BYTES. */
errint model_source_plain(struct model_customer *c, const char *period, const struct model_part *part,
                          uint64_t size_bytes, bool verified, struct source **ret);

/* PLAIN (taken, on success alone) as a part that others follow in report.csv. A read of its last byte gives it only if that
 * ends a line; else -EIO, then and for every later read of its end, and the fact is kept: the next version of report.csv
 * has a line end there. */
errint model_ending_new(struct model_customer *c, const struct model_part *part, uint64_t size_bytes,
                        struct source *plain, struct source **ret);

/* Is every byte of it on disk? */
bool model_source_is_kept(struct model_customer *c, const struct model_part *part);

/* The part's identity in the objects' cache; the texts are C's and PART's. */
void model_source_id(const struct model_customer *c, const struct model_part *part, struct cache_object_id *ret);

#endif
