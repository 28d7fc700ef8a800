/* Bytes in blocks to a file descriptor, plain or as gzip. */
#ifndef EV_SINK_WRITER_H
#define EV_SINK_WRITER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "sink/gzip.h"

enum { WRITER_BLOCK = 64 << 10 };

struct writer {
    int fd; /* borrowed */
    bool gzip;
    struct buf out;             /* to be appended to, and then drained */
    struct gzip_member *member; /* the one that is open, or NULL */
    struct buf packed;
    uint64_t bytes; /* written to fd */
};

/* Writes what has gathered, of which a compressor may keep some. False with EXIT_IO, as the next three. */
bool writer_write_block(struct writer *w, struct err *e);
static inline bool writer_drain(struct writer *w, struct err *e) {
    return w->out.n < WRITER_BLOCK || writer_write_block(w, e);
}
/* Writes everything, so that a reader has it. */
bool writer_flush(struct writer *w, struct err *e);
/* Writes everything and closes the gzip member (an empty one where nothing was written); another may
 * follow. */
bool writer_end(struct writer *w, struct err *e);
/* Drops what was not written; fd stays open. */
void writer_free(struct writer *w);

#endif
