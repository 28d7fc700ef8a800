/* Signals, progress, and what a stage says while it runs. Inside cli/ only. */
#ifndef EV_CLI_REPORT_H
#define EV_CLI_REPORT_H

#include "cli/stage.h"

/* Installs the signal handlers and the hooks of base/io.h for this stage; there is one in a process. */
void report_start(struct stage *st);
/* Does what signals have asked for since the last time: ends the process, prints the books, draws progress. */
void report_check(void);
/* The signal that has asked the stage to come to an end, 0 for none. */
int report_stopped(void);
/* Brings the books up to date. */
void report_count(struct stage *st);
/* Clears the progress line. */
void report_clear(void);
/* The books on standard error. */
void report_books(struct stage *st);

#endif
