#include "sink/gzip.h"

#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

struct gzip_member {
    z_stream z;
};

enum { GZIP_FORMAT = 16, ROOM = 16 << 10 };

static void *take(void *none, unsigned count, unsigned size) {
    (void)none;
    return mem_zero(count, size);
}

static void give(void *none, void *p) {
    (void)none;
    free(p);
}

struct gzip_member *gzip_member_new(void) {
    struct gzip_member *z = mem_zero(1, sizeof *z);
    z->z.zalloc = take;
    z->z.zfree = give;
    /* Fails for want of memory, which ends the process in take(), and for bad constants only. */
    deflateInit2(
        &z->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + GZIP_FORMAT, 8, Z_DEFAULT_STRATEGY);
    return z;
}

void gzip_member_free(struct gzip_member *z) {
    if (z) deflateEnd(&z->z);
    free(z);
}

void gzip_member_add(struct gzip_member *z, struct slice in, enum gzip_step step, struct buf *out) {
    static const int modes[] = {
        [GZIP_MORE] = Z_NO_FLUSH, [GZIP_SYNC] = Z_SYNC_FLUSH, [GZIP_END] = Z_FINISH};
    enum { PIECE = 1 << 30 }; /* zlib counts in 32 bits */
    do {
        size_t n = in.n < PIECE ? in.n : PIECE;
        z->z.next_in = (unsigned char *)(uintptr_t)in.p;
        z->z.avail_in = (unsigned)n;
        in = (struct slice){in.p + n, in.n - n};
        do {
            z->z.next_out = (unsigned char *)buf_reserve(out, ROOM);
            z->z.avail_out = ROOM;
            deflate(&z->z, in.n ? Z_NO_FLUSH : modes[step]);
            out->n += ROOM - z->z.avail_out;
        } while (z->z.avail_out == 0);
    } while (in.n);
}
