/* What goes not through but aside: to --reject, --late, --dups. Inside cli/ only. */
#ifndef EV_CLI_ASIDE_H
#define EV_CLI_ASIDE_H

#include "cli/stage.h"

/* --reject, ... */
const char *aside_option(enum aside which);
/* Opens those that have a DEST. Ends the process where one cannot be opened. */
void aside_open(struct stage *st);
/* Publishes all; false: the first that failed. */
bool aside_close(struct stage *st, struct err *e);
/* Leaves what stands there as it was. */
void aside_drop(struct stage *st);

/* For a message that says where bad input is: of an epoch that is given up it is in DEST.failed. */
const char *aside_also_failed(const struct stage *st);

/* A DECODED_BAD of inputs_next(). */
void aside_reject_decoded(struct stage *st, const struct event *ev, struct err *e);

#endif
