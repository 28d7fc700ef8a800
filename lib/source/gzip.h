/* Inflating gzip (RFC 1952): several members, zeros behind the last. */
#ifndef EV_SOURCE_GZIP_H
#define EV_SOURCE_GZIP_H

#include "base/err.h"

/* Where the compressed bytes come from, in the way of io_read(). */
typedef bool gzip_input(void *from, void *to, size_t room, size_t *got, struct err *e);

struct gzip;
struct gzip *gzip_new(gzip_input *input, void *from);
void gzip_free(struct gzip *z);

/* As bytes.read. EXIT_IO when the data is damaged, ends early, or has something other than zeros behind it; what
 * was good before that is handed out first. */
bool gzip_read(struct gzip *z, void *to, size_t room, size_t *got, struct err *e);

#endif
