/* The fields that the command line names: were they in the data? Inside cli/ only. */
#ifndef EV_CLI_FIELDS_H
#define EV_CLI_FIELDS_H

#include "cli/stage.h"

/* Calls take for each path of a list like `a,b.c`, the value of `option`; a mistake in it ends the process. */
void fields_each(struct stage *st, const char *list, const char *option,
    void (*take)(struct stage *st, void *ctx, const struct json_path *path), void *ctx);

/* Notes which of the named fields the event has; to be called while st->n_unseen. */
void fields_seen(struct stage *st, const struct event *ev);
/* Fails the stage when a named field was in no event, naming the nearest that was. */
void fields_check(struct stage *st);

#endif
