/* The books: each event that came in is counted out. */
#ifndef EV_CLI_BOOKS_H
#define EV_CLI_BOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "op/watermark.h"

struct books {
    const char *tool;
    const char
        *result; /* what this tool calls the events that went on: "passed", "windowed", "written" */
    uint64_t
        in; /* events and bad lines; = results + duplicates + filtered + late + rejected + open */
    uint64_t results;
    bool finds_duplicates;
    uint64_t duplicates;
    uint64_t filtered; /* by --where, --since, --until */
    uint64_t late;
    uint64_t rejected;
    bool holds;            /* this tool holds events that may still become results or duplicates */
    uint64_t open;         /* so many now */
    uint64_t blank;        /* empty lines; not in `in` */
    uint64_t blank_before; /* those of earlier runs */
    bool makes_rows;       /* this tool makes events of its own */
    uint64_t rows;         /* that it has written */
    uint64_t missed;       /* windows that events missed while they entered others */
    uint64_t mismatches; /* events that --where left out and in which it compared different types */
    int64_t watermark;
    struct disorder disorder;
};

struct json_t; /* state/members.h */

/* For a later run, which goes on with them. */
struct json_t *books_save(const struct books *b);
void books_restore(struct books *b, const struct json_t *saved);

/* One line of JSON with its newline. Distances are in seconds. */
void books_write(struct buf *out, const struct books *b);

#endif
