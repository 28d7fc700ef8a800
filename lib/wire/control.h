/* Control records: what stands between the events of a stream that says more than text can. Written as
 * one JSON object with a top-level "@ev", a line of its own among control lines, a chunk of its own
 * among frames; evframe(5) lists the members. (Abort lines, which stand in plain text too, are the matter of
 * wire/envelope.h.) */
#ifndef EV_WIRE_CONTROL_H
#define EV_WIRE_CONTROL_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/timestamp.h"

enum { STREAM_VERSION = 1 };

/* The top-level name that control records carry and no event may. */
#define CONTROL_FIELD "@ev"

enum control_kind {
    CONTROL_OPEN,      /* the first record of a stream */
    CONTROL_WATERMARK, /* no event with a time before it is expected any more */
    CONTROL_BARRIER,   /* what came since the one before is an epoch */
    CONTROL_END,       /* the last one */
};

/* How events have their time. Strings are owned by the control. */
struct control_time {
    char *field;  /* a path, as it would be typed; NULL: the events have no time */
    char *format; /* as --time-format, or NULL */
    char *zone;   /* of times without an offset; NULL: UTC */
    enum time_unit unit;
    int64_t minus; /* µs to be taken from the field's value */
};

/* Whose epochs: strings are owned by the control. */
struct control_pipeline {
    char *name; /* NULL: there is no checkpoint */
    char *uuid;
    int64_t generation;
    char *stages; /* the ids of those that the stream has passed, a '/' behind each */
    bool keeps;   /* what the generation before has written stays */
};

struct control {
    enum control_kind kind;
    /* open */
    char *tool; /* who writes the stream, for messages; owned */
    struct control_time time;
    bool watermarks; /* the stream carries them */
    struct control_pipeline pipeline;
    uint64_t planned; /* the epochs up to this one come as they are planned already */
    /* watermark */
    int64_t watermark;
    /* open: the epoch to be restored. barrier: the one that ends here. end: the last one; 0 without a checkpoint */
    uint64_t epoch;
    /* barrier and end */
    uint64_t previous;  /* the epoch before, or the one that was restored */
    uint64_t committed; /* nothing after it may be forgotten */
    uint64_t
        plan; /* a hash of what was planned up to here: epochs of one number may differ in a copy */
    /* end */
    bool final; /* all is said; else a later run goes on */
};

/* Is a stream of this version read here? EXIT_BAD_DATA. */
bool stream_version_is_known(int64_t version, struct err *e);

/* Appends the object, without a newline. */
void control_write(struct buf *out, const struct control *c);

/* Reads an object that was scanned and has a top-level "@ev". False where it is no control record of
 * this version: *e says why, with EXIT_BAD_DATA. What *c owns is freed by control_free(). */
bool control_read(struct slice object, struct control *c, struct err *e);
void control_free(struct control *c);
struct control_time control_time_copy(const struct control_time *t);

#endif
