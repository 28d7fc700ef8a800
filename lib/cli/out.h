/* Standard output of a stage: buffered, checked, and honest about how it ended. */
#ifndef EV_CLI_OUT_H
#define EV_CLI_OUT_H

#include "base/buf.h"
#include "base/err.h"

struct out {
    struct buf buf;
    bool waits;     /* a pipe, a terminal: somebody may wait for what is written */
    bool broke_off; /* what was written does not end in a newline */
    bool wrote;     /* something was written: for the no-output hint */
};

/* EXIT_IO when standard output is closed. Makes a pipe large where the system allows it. */
bool out_open(struct out *o, struct err *e);
bool out_flush(struct out *o, struct err *e);

/* Each write wakes the reader of a pipe, which costs more than the copy into cache. */
enum { OUT_BLOCK = 512 << 10 };

static inline bool out_line(struct out *o, struct slice text, struct err *e) {
    buf_add_slice(&o->buf, text);
    buf_addc(&o->buf, '\n');
    return o->buf.n < OUT_BLOCK || out_flush(o, e);
}

#endif
