/* Inflating gzip (RFC 1952): several members, zeros behind the last. */
#ifndef EV_SOURCE_GZIP_H
#define EV_SOURCE_GZIP_H

#include "base/err.h"

/* Where the compressed bytes come from, in the way of io_read(). */
typedef bool gunzip_input(void *from, void *to, size_t room, size_t *got, struct err *e);

struct gunzip;
struct gunzip *gunzip_new(gunzip_input *input, void *from);
void gunzip_free(struct gunzip *z);

/* As bytes.read. EXIT_IO when the data is damaged, ends early, or has something other than
 * zeros behind it; what was good before that is handed out first. */
bool gunzip_read(struct gunzip *z, void *to, size_t room, size_t *got, struct err *e);

#endif
