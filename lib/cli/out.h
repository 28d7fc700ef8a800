/* Standard output of a stage: a stream as text, control lines or frames; buffered, checked, and honest about
 * how it ended.
 *
 *     struct buf *b = out_begin(&o, time, watermark); ...append the event's text...; out_end(&o, &e);
 */
#ifndef EV_CLI_OUT_H
#define EV_CLI_OUT_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/control.h"

enum wire { WIRE_TEXT, WIRE_CONTROL, WIRE_FRAMES };

struct out {
    struct buf buf;
    enum wire wire;
    bool started;   /* the stream's first record is written */
    bool waits;     /* a pipe, a terminal: somebody may wait for what is written */
    bool broke_off; /* what was written does not end where a reader could go on */
    bool wrote;     /* something was written: for the no-output hint */
    bool in_chunk,
        in_record; /* frames: `chunk` and `record` are where those at hand begin in buf */
    size_t chunk, record;
    int64_t watermark; /* as the stream has it by now */
};

/* EXIT_IO when standard output is closed. Makes a pipe large where the system allows it. */
bool out_open(struct out *o, struct err *e);
/* Begins the stream; text has no beginning. Takes over what *open owns. */
void out_start(struct out *o, enum wire wire, struct control *open);
bool out_flush(struct out *o, struct err *e);
/* The watermark has come so far, with or without an event: readers are told when it is flushed. */
void out_watermark(struct out *o, int64_t watermark);
/* A barrier, or an end. Text has none. */
void out_control(struct out *o, const struct control *c);
/* The stream is complete. */
void out_finish(struct out *o);
/* The last word of a tool that fails: the abort line, with its newline. */
void out_abort(struct out *o, struct slice line);

void out_begin_record(struct out *o, int64_t time, int64_t watermark);
void out_end_record(struct out *o);

/* Each write wakes the reader of a pipe, which costs more than the copy into cache. */
enum { OUT_BLOCK = 512 << 10 };

/* time and watermark may be TIME_NONE. */
static inline struct buf *out_begin(struct out *o, int64_t time, int64_t watermark) {
    if (__builtin_expect(o->wire != WIRE_TEXT, 0)) out_begin_record(o, time, watermark);
    return &o->buf;
}

static inline bool out_end(struct out *o, struct err *e) {
    if (__builtin_expect(o->wire == WIRE_FRAMES, 0)) out_end_record(o);
    else buf_addc(&o->buf, '\n');
    return o->buf.n < OUT_BLOCK || out_flush(o, e);
}

#endif
