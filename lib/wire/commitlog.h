/* The lines of a folder's commit log; evlog(5) lists their members.
 *
 *     {"log":1}
 *     {"txn":{"sink":"evsink","run":"0"}}                         whose the lines up to the next txn are
 *     {"add":{"path":"city=7/evsink-0-0.ndjson","size":120,"rows":2,"least":"...","greatest":"..."}}
 *     {"remove":{"path":"city=7/evsink-0-1.ndjson"}}
 *     {"rewrite":true}                                            what is added and removed holds the same events
 *     {"end":4}                                                   how many lines stand between
 *
 * No I/O here: wire/logfolder.h reads a folder's log. */
#ifndef EV_WIRE_COMMITLOG_H
#define EV_WIRE_COMMITLOG_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/timestamp.h"

enum { LOG_VERSION = 1, LOG_PATH_MAX = 4000 };

enum log_kind { LOG_BEGIN, LOG_TXN, LOG_ADD, LOG_REMOVE, LOG_REWRITE, LOG_END };

/* What a line does not say is zero: rows -1, times TIME_NONE, and slices have no p. */
struct log_line {
    enum log_kind kind;
    /* add, remove: below the folder, without a name that begins with '.' or '_' */
    struct slice path;
    uint64_t size; /* bytes as stored */
    int64_t rows;
    int64_t least, greatest; /* event times */
    /* txn */
    struct slice sink, run, pipeline, uuid; /* of a run without a checkpoint no pipeline and uuid */
    int64_t generation;
    uint64_t epoch;
    uint64_t plan;  /* a hash of what was planned up to that epoch; 0: not known */
    uint64_t rerun; /* K of its file names, 0 for none */
    uint64_t lines; /* end */
};

/* Appends the line with its newline. Texts are UTF-8. */
void log_line_write(struct buf *out, const struct log_line *line);

/* Reads the lines of one record, in order; what stands in the line lives until the next call. */
struct log_parser;
struct log_parser *log_parser_new(void);
void log_parser_free(struct log_parser *p);
/* The next line is the first of a record. */
void log_parser_start(struct log_parser *p);
/* text without its newline. EXIT_IO: it is damaged, or of another version. */
bool log_parser_next(struct log_parser *p, struct slice text, struct log_line *out, struct err *e);
/* Was the last line the end? EXIT_IO. */
bool log_parser_done(const struct log_parser *p, struct err *e);

/* The part of a path behind its last slash. Names are unique in a folder: a file that has not got its name yet is
 * _tmp/NAME, one that was removed is _old/NAME. */
struct slice log_name_of(struct slice path);

#endif
