/* A DEST that is no folder: "-", a file that is replaced, or what is written as it is. */
#ifndef EV_SINK_OUTPUT_H
#define EV_SINK_OUTPUT_H

#include "sink/replace.h"
#include "sink/writer.h"

struct output {
    char *name; /* for messages */
    struct writer writer;
    bool replaces;
    struct replace file; /* when it replaces */
    bool owns_fd;        /* when it does not */
};

/* Copies dest. EXIT_NO_OUTPUT. */
struct output *output_open(const char *dest, bool gzip, struct err *e);
/* Appends; EXIT_IO, as for the next ones. */
bool output_add(struct output *o, struct slice bytes, struct err *e);
bool output_drain(struct output *o, struct err *e);
/* Only where somebody may read while it grows. */
bool output_flush(struct output *o, struct err *e);
/* Writes what is left. To be followed by a publish. */
bool output_end(struct output *o, struct err *e);
/* After a write that failed: takes back the part of a block that it left. False where that cannot be. */
bool output_cut(struct output *o);
/* Gives a file its name. */
bool output_publish(struct output *o, struct err *e);
/* Without a publish before it nothing is left; takes NULL. */
void output_close(struct output *o);

/* Is it a folder, or written like one? */
bool dest_is_folder(const char *dest);

#endif
