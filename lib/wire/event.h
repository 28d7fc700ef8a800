/* An event: one JSON object, where its wanted fields lie, its time, and the watermark before it. */
#ifndef EV_WIRE_EVENT_H
#define EV_WIRE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "base/timestamp.h"
#include "json/scan.h"
#include "wire/control.h"

struct event {
    struct slice text;             /* the very bytes that were read, without the newline */
    struct json_field *fields;     /* the wanted ones, by their index in the scanner */
    int64_t time;                  /* TIME_NONE where the stage needs none */
    int64_t watermark;             /* as it stood before this event; TIME_NONE without --lateness */
    const struct control *control; /* of a DECODED_CONTROL */
    const char *source;            /* name of the file, "-" for standard input */
    const char *bad_code; /* of a DECODED_BAD, for its envelope: bad_json, bad_row, too_long,
                                  not_object, control */
    uint64_t line;        /* from 1; of a row and of a document the line where it begins */
};

/* The event as a value to walk over with json_next(); white space may stand around it in the
 * text. */
static inline struct json_field event_object(const struct event *ev) {
    const char *p = memchr(ev->text.p, '{', ev->text.n),
               *last = memrchr(ev->text.p, '}', ev->text.n);
    return (struct json_field){.p = p, .n = (uint32_t)(last + 1 - p), .kind = JSON_OBJECT};
}

#endif
