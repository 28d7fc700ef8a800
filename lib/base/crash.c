#include "base/crash.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *stage;

void crash_stage(const char *id) {
    stage = getenv("EV_CRASH_AT") || getenv("EV_CRASH_LOG") ? id : NULL;
}

/* One write, so that lines of several stages and threads stay whole. */
static void note(const char *file, const char *here, int n) {
    int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, here, (size_t)n) != n) abort();
    close(fd);
}

void crash_point(const char *point, uint64_t epoch) {
    char here[256];
    if (!stage) return;
    const char *at = getenv("EV_CRASH_AT"), *log = getenv("EV_CRASH_LOG");
    int n = snprintf(here, sizeof here, "%s:%s:%" PRIu64 "\n", stage, point, epoch);
    if (n < 0 || (size_t)n >= sizeof here) abort();
    if (log) note(log, here, n);
    here[n - 1] = '\0';
    if (at && strcmp(at, here) == 0) raise(SIGKILL);
}
