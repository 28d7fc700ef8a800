/* What a stage does, as its command line says: a checkpoint goes on only with the same. Inside cli/ only. */
#ifndef EV_CLI_QUERY_H
#define EV_CLI_QUERY_H

#include "cli/stage.h"

/* Compares with what the folder says, or says it there where nothing was recorded yet. EXIT_CONFIG with what differs. */
bool query_check(struct stage *st, int folder, bool recorded, struct err *e);

#endif
