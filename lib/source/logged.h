/* Folders that have a commit log (wire/logfolder.h), as one finds them that has no right to finish what a writer left
 * undone: a file may stand under its name, in _tmp until it gets it, or in _old since it was removed. */
#ifndef EV_SOURCE_LOGGED_H
#define EV_SOURCE_LOGGED_H

#include "source/source.h"

/* Is there a record? EXIT_NO_INPUT. */
bool logged_is(const char *folder, bool *is, struct err *e);
/* Appends the files that the log names, up to its newest record, in any order. EXIT_NO_INPUT: the log or a file cannot be
 * read; EXIT_IO: the log is damaged; EXIT_BAD_DATA: a file is not there, or of another size than the log says. */
bool logged_list(const char *folder, struct source_list *l, struct err *e);

/* Appends the files that commits have removed, by name in byte order. Errors of the log as logged_list(). */
bool logged_removed(const char *folder, struct source_list *l, struct err *e);

/* Opens, to read, a file that is not there under its name but may stand elsewhere in a folder with a log above it.
 * -1: no; *logged: there is such a folder. */
int logged_open(const char *path, bool *logged);

#endif
