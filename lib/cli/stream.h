/* A stage between two streams: what the one that it reads says of its events, and how it writes its own. */
#ifndef EV_CLI_STREAM_H
#define EV_CLI_STREAM_H

#include "cli/stage.h"

/* Takes over time and watermarks from the stream that is read, where it has them. Before the first event. */
void stream_take(struct stage *st);
/* Begins the stream that is written. */
void stream_start(struct stage *st);

#endif
