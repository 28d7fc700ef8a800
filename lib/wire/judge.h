/* What one JSON text is: an event, bad input, a control record; and whether a stream of control records
 * begins and ends as it should. Private to this room. */
#ifndef EV_WIRE_JUDGE_H
#define EV_WIRE_JUDGE_H

#include "wire/reader.h"

/* The scanner of a stage with what every decoder asks of it. */
struct judge {
    struct json_scanner *scanner;
    struct json_field *fields; /* made at the first use, when all has been wanted */
    int control;               /* the index of "@ev" */
    bool obeys;                /* an abort line, else it is bad input */
    bool opened, ended;        /* it is a stream with control records */
    struct control open, last; /* the first record, the one at hand */
};

void judge_init(struct judge *j, struct json_scanner *scanner, const struct decode_options *o);
void judge_free(struct judge *j);

/* The wanted fields of the next event. */
static inline struct json_field *judge_fields(struct judge *j) {
    if (__builtin_expect(!j->fields, 0))
        j->fields = mem_zero((size_t)json_wanted(j->scanner), sizeof *j->fields);
    return j->fields;
}

static inline bool judge_is_control(const struct judge *j) {
    return j->fields[j->control].kind != JSON_MISSING;
}

/* What ev->text, an object with a top-level "@ev", is: DECODED_CONTROL, _ABORT, _BAD or _FAILED. */
enum decoded judge_control(struct judge *j, struct event *ev, struct err *e);
/* The first record of a stream. False: it is none; EXIT_BAD_DATA. */
bool judge_open(struct judge *j, struct slice object, struct err *e);
/* A later one: DECODED_CONTROL or _FAILED. */
enum decoded judge_record(struct judge *j, struct slice object, struct event *ev, struct err *e);
/* At the end of the bytes: DECODED_END, or DECODED_FAILED where the stream has not come to its end. */
enum decoded judge_end(const struct judge *j, struct err *e);
/* The bytes stop within something. */
enum decoded judge_truncated(const struct judge *j, struct err *e);
/* Something comes behind the end. */
enum decoded judge_beyond(struct err *e);

/* Scans a text that may be anything; ev->text and ev->fields are set. DECODED_EVENT, _BAD, or as
 * judge_control(). */
enum decoded judge_text(
    struct judge *j, struct slice text, const char *limit, struct event *ev, struct err *e);

#endif
