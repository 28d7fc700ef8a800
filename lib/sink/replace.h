/* A file that gets its name when it is complete.
 *
 *     .NAME.tmp, locked -> write -> fsync -> rename to NAME -> fsync of the folder
 *
 * A symbolic link stays, what it names is replaced. The mode of a file that is replaced is kept. */
#ifndef EV_SINK_REPLACE_H
#define EV_SINK_REPLACE_H

#include <sys/types.h>

#include "base/err.h"

struct replace {
    int fd; /* to write to */
    int folder;
    char *temp, *name; /* in the folder */
    bool keeps_mode;   /* there is a file to be replaced, and this is its mode */
    mode_t mode;
};

/* EXIT_NO_OUTPUT naming path. On false nothing is open. */
bool replace_open(struct replace *r, const char *path, struct err *e);
/* EXIT_IO. To be closed after it, whether it worked or not. */
bool replace_publish(struct replace *r, struct err *e);
/* Removes the temporary file unless it was published. */
void replace_close(struct replace *r);

/* Opens and locks a file for one writer, creating it. -1 with errno, EWOULDBLOCK where another has it. */
int lock_file(int folder, const char *name, mode_t mode);
/* May this name be given to another file, or be removed? Else errno says why not. */
bool may_replace(int folder, const char *name);
/* Is a struct replace open for it, here or in another process? */
bool has_writer(int folder, const char *name);

#endif
