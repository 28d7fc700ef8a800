/* What sink_open() chooses from. */
#ifndef EV_SINK_BACKENDS_H
#define EV_SINK_BACKENDS_H

#include "sink/sink.h"

struct sink *file_open(const char *dest, enum out_format format, bool gzip, struct err *e);
/* By epochs. */
struct sink *file_append(const char *dest, enum out_format format, bool gzip,
    const struct sink_options *o, struct err *e);
struct sink *folder_open(
    const char *dest, const struct sink_options *o, enum out_format format, struct err *e);

#endif
