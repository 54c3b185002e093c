/* What the first rows of a part tell at no cost: regions, currencies, and whether lines carry an invoice yet.
 *
 * Ownership: the caller's buffers. Threads: any. Errors: -ENOMEM; rows that cannot be read end the sample without one.
 * Cost: one pass over the bytes in memory.
 */
#ifndef CTFS_MODEL_REPORT_SAMPLE_H
#define CTFS_MODEL_REPORT_SAMPLE_H

#include "base/buf.h"
#include "model/model.h"
#include "model/report.h"

struct model_sample {
    struct buf regions;         /* "eu-west-1,us-east-1" */
    struct buf currencies;      /* "EUR,USD" */
    uint64_t rows, billed_rows; /* seen; of these with an invoice's ID */
    bool has_invoice_column;
    bool whole; /* the bytes were the whole part, and all records of it */
};

/* PLAIN: the part's first decompressed bytes, WHOLE: all of them. */
errint model_sample_take(const char *plain, size_t len, bool whole, struct model_sample *ret);
void model_sample_done(struct model_sample *s);

/* Keeps it: H/regions grows by what is new; the part's own marks by its fact's name. */
errint model_sample_keep(struct model_customer *c, const char *fact_name, const struct model_sample *s);

/* Drops the part's own mark: the version was replaced. What it taught of regions stays. */
void model_sample_forget(struct model_customer *c, const struct model_part *part);

/* What was learnt of regions so far, and whether every part of the newest month was seen whole. */
errint model_sample_regions(struct model_customer *c, struct buf *ret, bool *ret_whole);

/* What the parts' samples say of invoices: "estimated" when a row seen has none, "final" when every one has one, "unknown"
 * when a part does not tell, or there is no row. */
const char *model_sample_invoice(struct model_customer *c, const struct model_month *m);

/* "EUR,USD" and the number of records of the whole month, from its parts' samples. Currencies: what stands at the beginnings
 * of all parts; "" as long as one was not looked at. *RET_ROWS: -1 unless every part was seen whole. */
void model_sample_month(struct model_customer *c, const struct model_month *m, struct buf *ret_currencies,
                        int64_t *ret_rows);

/* The name of a part's facts in cache.db: bucket/key/etag. */
void model_facts_name(const struct model_customer *c, const struct model_part *part, struct buf *ret);

bool model_sample_is_region(const char *text);
void model_sample_add(struct buf *list, const char *word); /* sorted, each once */

#endif
