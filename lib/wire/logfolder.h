/* A folder's commit log as it lies on disk:
 *
 *     _log/00000000000000000001.ndjson    record 1, and so on without a gap; a record never changes
 *     _log/00000000000000001000.summary   in the same lines: what is left of all records up to this one
 *
 * so a start reads the newest summary and the records behind it. Only the newest two summaries are kept. */
#ifndef EV_WIRE_LOGFOLDER_H
#define EV_WIRE_LOGFOLDER_H

#include "wire/commitlog.h"

enum { LOG_SUMMARY_EVERY = 1000, LOG_NAME_MAX = 32 };
#define LOG_FOLDER "_log"

/* The file names in _log/, with NUL. */
void log_record_name(char out[LOG_NAME_MAX], uint64_t record);
void log_summary_name(char out[LOG_NAME_MAX], uint64_t record);

/* What a listing of _log/ shows; 0 is none. */
struct log_range {
    uint64_t summary;        /* the newest, up to `newest` */
    uint64_t oldest_summary; /* that is still there */
    uint64_t newest;         /* record */
};
/* `folder` is a descriptor of the folder itself, or of what may be none with a log. Of records above `upto` nothing is seen.
 * EXIT_NO_INPUT where the log cannot be listed. */
bool log_range(int folder, uint64_t upto, struct log_range *out, struct err *e);

/* Called for each line of the summary and of each record behind it, in order; the line lives until it returns. */
typedef bool log_visit(void *ctx, const struct log_line *line, struct err *e);
/* *seen, if not NULL: what was read. EXIT_NO_INPUT: cannot be opened; EXIT_IO: is damaged, both naming the file; or visit's. */
bool log_each(
    int folder, uint64_t upto, log_visit *visit, void *ctx, struct log_range *seen, struct err *e);

#endif
