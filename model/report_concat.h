/* Several sources one behind another, each without its beginning: report.csv of a month in parts.
 *
 * Ownership: takes the sources, on success alone. Threads: any. Errors: those of the sources. Cost: a read inside one
 * source is handed through; one across a border is copied.
 */
#ifndef CTFS_MODEL_REPORT_CONCAT_H
#define CTFS_MODEL_REPORT_CONCAT_H

#include "base/source.h"

struct model_slice {
    struct source *source;
    uint64_t skip_bytes; /* of its beginning */
    uint64_t size_bytes; /* of the whole source, as it is published; at least SKIP_BYTES */
};

errint model_concat_new(const struct model_slice *slices, size_t count, bool verified, struct source **ret);

#endif
