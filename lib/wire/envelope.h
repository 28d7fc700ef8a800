/* The envelope of events that did not go through (late, rejected, duplicate), and the abort
 * line. */
#ifndef EV_WIRE_ENVELOPE_H
#define EV_WIRE_ENVELOPE_H

#include "base/buf.h"
#include "wire/event.h"

struct envelope {
    const char *kind;    /* "late", "reject", "dup" */
    const char *code;    /* one of those that evutils(7) lists: bad_json, bad_row, too_long,
                             not_object, control, not_envelope, no_time, bad_time, missing_field,
                             bad_value, late */
    const char *message; /* NULL: none; so for all below */
    const char *tool;
    const char *field;
    struct slice value;   /* raw JSON text of the offending value, p NULL: none */
    int64_t window_start; /* TIME_NONE: none */
    int64_t watermark;    /* TIME_NONE: none */
    int64_t late_by;      /* µs; 0: none; written in seconds as a number */
    bool is_json;         /* the text is a JSON object: goes in as "event", else as "raw" or, where
                             it is not UTF-8, "raw_base64" */
};

/* Appends one line with the newline. Members in the order of the struct, with source and
 * line behind tool; those not given are left out. */
void envelope_write(struct buf *out, const struct envelope *v, const struct event *ev);

/* The event inside an envelope, for --unwrap: its exact bytes; from raw and raw_base64 the
 * decoded bytes are appended to scratch. EXIT_BAD_DATA when the object is no envelope. */
bool envelope_unwrap(struct slice object, struct buf *scratch, struct slice *event, struct err *e);

/* {"@ev":"abort","tool":...,"code":65,"message":...} and a newline. */
void abort_write(struct buf *out, const char *tool, enum exit_code code, const char *message);

/* What a top-level "@ev" member makes of a line: true when it is an abort line, *e then says
 * who failed and why, with EXIT_IO. object has been scanned. */
bool abort_read(struct slice object, struct err *e);

#endif
