/* An event: one JSON object, where its wanted fields lie, its time, and the watermark before it. */
#ifndef EV_WIRE_EVENT_H
#define EV_WIRE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "base/timestamp.h"
#include "json/scan.h"

struct event {
    struct slice text;         /* the very bytes that were read, without the newline */
    struct json_field *fields; /* the wanted ones, by their index in the scanner */
    int64_t time;              /* TIME_NONE where the stage needs none */
    int64_t watermark;         /* as it stood before this event; TIME_NONE without --lateness */
    const char *source;        /* name of the file, "-" for standard input; for messages and envelopes */
    uint64_t line;             /* from 1; of a CSV row and of a document the line where it begins */
};

/* The top-level name that control lines carry and no event may. */
#define CONTROL_FIELD "@ev"

#endif
