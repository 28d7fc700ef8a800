/* Deaths at chosen moments, for the tests: EV_CRASH_AT=STAGE:POINT:EPOCH kills the stage of that id, by SIGKILL, when it
 * comes to that point of that epoch. The points are the step boundaries of a checkpoint; each is named where it is
 * passed. EV_CRASH_LOG=FILE lists those that are passed, one STAGE:POINT:EPOCH a line. */
#ifndef EV_BASE_CRASH_H
#define EV_BASE_CRASH_H

#include <stdint.h>

/* Who we are; lives as long as the process. Without it no point does anything. */
void crash_stage(const char *id);
/* Some nanoseconds where neither is set. */
void crash_point(const char *point, uint64_t epoch);

#endif
