/* Which events are good: unwrapped, with all required fields and a time. Inside cli/ only. */
#ifndef EV_CLI_ACCEPT_H
#define EV_CLI_ACCEPT_H

#include "cli/stage.h"

/* What inputs_options.accept asks: ctx is the stage. Where it is false, st->bad_code, bad_field and bad_value say more. */
bool accept_event(void *ctx, struct event *ev, bool peek, struct err *e);

#endif
