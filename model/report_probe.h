/* Inside model/report: the small requests that tell a part's declared size and its header record.
 *
 * Ownership: the probe owns itself and ends its flight. Threads: any; never blocks. Errors: of beginning; what the requests
 * give goes to the flight. Cost: see model/report_facts.h.
 */
#ifndef CTFS_MODEL_REPORT_PROBE_H
#define CTFS_MODEL_REPORT_PROBE_H

#include "model/report_facts.h"

/* FLIGHT has begun and will end: by the probe, or by the caller when this fails. */
errint model_probe_start(struct model_customer *c, const char *period, const struct model_part *part,
                         const char *flight);

#endif
