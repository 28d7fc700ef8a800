/* Numbers and texts in what an operator saves: little-endian, one behind the other. */
#ifndef EV_OP_BYTES_H
#define EV_OP_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

static inline void bytes_put64(struct buf *out, uint64_t v) {
    v = htole64(v);
    buf_add(out, &v, sizeof v);
}

static inline void bytes_put(struct buf *out, struct slice s) {
    bytes_put64(out, s.n);
    buf_add_slice(out, s);
}

/* These take from the front; false where there is too little. */
static inline bool bytes_take64(struct slice *in, uint64_t *v) {
    if (in->n < sizeof *v) return false;
    memcpy(v, in->p, sizeof *v);
    *v = le64toh(*v);
    *in = (struct slice){in->p + sizeof *v, in->n - sizeof *v};
    return true;
}

static inline bool bytes_take(struct slice *in, struct slice *s) {
    uint64_t n;
    if (!bytes_take64(in, &n) || n > in->n) return false;
    *s = (struct slice){in->p, n};
    *in = (struct slice){in->p + n, in->n - n};
    return true;
}

#endif
