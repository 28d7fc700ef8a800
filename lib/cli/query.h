/* What a stage does, as its command line says: a checkpoint goes on only with the same. Inside cli/ only. */
#ifndef EV_CLI_QUERY_H
#define EV_CLI_QUERY_H

#include "cli/checkpoint.h"
#include "cli/stage.h"

/* Compares with what the stage's folder says, or says it there where nothing was recorded yet. EXIT_CONFIG with what
 * differs; EXIT_IO. */
bool query_check(const struct stage *st, const struct checkpoint *c, bool recorded, struct err *e);
/* The same before the inputs are opened, as far as it is known then; with_times: also those for which the environment
 * stands in a stream without its own. EXIT_CONFIG. */
bool query_check_early(
    const struct stage *st, const struct checkpoint *c, bool with_times, struct err *e);

#endif
