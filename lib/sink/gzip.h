/* Deflates into gzip members. The same input gives the same bytes: no time stamp, zlib's default level. */
#ifndef EV_SINK_GZIP_H
#define EV_SINK_GZIP_H

#include "base/buf.h"

struct gzip_member;
struct gzip_member *gzip_member_new(void); /* one member; some 270 KB */
void gzip_member_free(struct gzip_member *z);

enum gzip_step {
    GZIP_MORE,
    GZIP_SYNC, /* what was given so far can be inflated from what comes out */
    GZIP_END,  /* the member is complete; without any input a valid, empty one. To be freed then. */
};
/* Appends to out. */
void gzip_member_add(struct gzip_member *z, struct slice in, enum gzip_step step, struct buf *out);

#endif
