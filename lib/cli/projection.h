/* --fields: an object with some of an event's fields, each value kept to the byte. */
#ifndef EV_CLI_PROJECTION_H
#define EV_CLI_PROJECTION_H

#include "cli/stage.h"

struct projection;

/* From a list of paths; a.b keeps its place under "a". Ends the process on a mistake in the list. */
struct projection *projection_new(struct stage *st, const char *list);
/* The object, valid until the next call. A field that the event lacks is left out. */
struct slice projection_apply(struct projection *p, const struct event *ev);

#endif
