/* Events that do not go through, on their way to --reject and --late. Inside cli/ only; what tools call is in stage.h. */
#ifndef EV_CLI_ASIDE_H
#define EV_CLI_ASIDE_H

#include "cli/stage.h"

/* A line that the decoder refused, or an event that accept_event() did: to --reject, or the end. */
void aside_reject_decoded(struct stage *st, const struct event *ev, struct err *e);

#endif
