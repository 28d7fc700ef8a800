/* What the files of inputs share. Inside source/inputs*.c only.
 *
 *     inputs_open.c   where each input begins, and what the stream is
 *     inputs.c        reading, and the ends */
#ifndef EV_SOURCE_INPUTS_INSIDE_H
#define EV_SOURCE_INPUTS_INSIDE_H

#include <string.h>

#include "source/inputs.h"

struct input {
    const char *path;
    struct bytes *bytes;     /* owned by the decoder */
    struct decoder *decoder; /* NULL before it is opened and after its end */
    bool carries;            /* its events come with their watermarks */
    bool is_plain;           /* what they come with is not heeded */
    bool once;               /* it cannot be read again */
    bool has_pending;        /* an event that was read to learn where an unseekable input begins */
    enum decoded pending;
    struct event event;
    struct err err;
    struct input_position at; /* with is_resumed; its path is ours */
    uint64_t blank_before;    /* empty lines that the decoder does not count; it may wrap */
    const struct input_position *planned; /* of the epoch that comes again, or NULL; and so where */
    const struct input_position *upto;    /* it ends, unless its records come from elsewhere */
};

struct inputs {
    struct inputs_options o;
    struct input *all;
    size_t n;
    struct input *current; /* NULL at the end */
    bool merges;           /* there are watermarks */
    bool has_open, frames;
    struct control open; /* with has_open; its text is that of positions */
    char *open_text;
    bool over; /* the stream has said that all is said */
    struct watermarks watermarks;
    int64_t at_hand; /* the time of the event that may still be rejected, or TIME_NONE */
    int64_t reached; /* the stream's watermark when the last input was at its end */
    uint64_t taken;  /* records */
    uint64_t blank, done, total;    /* of inputs that are closed; total: of all, 0 when unknown */
    uint64_t blank_before;          /* of all, by earlier runs */
    struct positions from, planned; /* copies */
    struct event next;              /* of the replay, read already */
    enum decoded next_is;
    size_t next_of;
    bool next_carries, has_next;
    struct err next_why;
    struct control watermark; /* of a replayed record */
    struct json_field *fields;
};

static inline bool input_accept(struct inputs *in, struct event *ev, bool peek, struct err *e) {
    return !in->o.accept || in->o.accept(in->o.ctx, ev, peek, e);
}

/* The next event or what else the decoder finds; of text without time and watermark. */
static inline enum decoded input_decode(struct input *i, struct event *ev, struct err *e) {
    ev->time = ev->watermark = TIME_NONE;
    enum decoded d = i->decoder->next(i->decoder, ev, e);
    if (i->is_plain) ev->time = ev->watermark = TIME_NONE;
    return d;
}

/* Of what was planned all was read before: it may be gone. */
static inline bool input_is_read(const struct input *i) {
    return i->upto && i->upto->records == i->at.records;
}

/* Opens it where it was read up to. EXIT_NO_INPUT, EXIT_IO, EXIT_BAD_DATA. */
bool input_open(struct inputs *in, struct input *i, struct err *e);
void input_close(struct inputs *in, struct input *i);
/* What comes next is read now and kept. */
enum decoded input_hold(struct input *i);
/* Is there nothing behind what was read before? */
bool input_is_at_end(const struct inputs *in, const struct input *i);
/* Finds the input that is read next, and opens it. */
bool inputs_turn(struct inputs *in, struct err *e);
/* Empty lines, of all runs. */
uint64_t inputs_blank_at(const struct inputs *in);

#endif
