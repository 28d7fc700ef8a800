/* A file that grows by epochs. What is put is spooled, as it will be stored, until it is published: the first epoch takes
 * the place of what has the name (sink/replace.h), each later one is appended where the one before ended. What a killed
 * run left there must be the beginning of what is about to be written, so that a reader who follows the file sees
 * it grow and nothing else; zeros, which a power loss leaves, count as not written.
 *
 * appended_save() says how far the file reached, and how to know it again. A copy of the file may hold what came behind
 * that and will come otherwise: it is cut back. */
#ifndef EV_SINK_APPENDED_H
#define EV_SINK_APPENDED_H

#include "sink/writer.h"

struct appended;
struct json_t; /* state/members.h */

/* spool: a folder for what is not published yet. Anything but a file ("-", a FIFO, a device) gets each epoch
 * when it is published, and twice after a crash. EXIT_NO_OUTPUT. */
struct appended *appended_open(const char *dest, bool gzip, int spool, struct err *e);
bool appended_is_file(const struct appended *a);

/* To be appended to, and then drained. EXIT_IO. */
struct buf *appended_out(struct appended *a);
bool appended_drain(struct appended *a, struct err *e);
/* What was put since the last one becomes part of the file, durably. EXIT_IO; EXIT_CONFIG where the file is not as it
 * was left. */
bool appended_publish(struct appended *a, struct err *e);
/* No epoch follows: nothing may stand behind the last one. EXIT_CONFIG. */
bool appended_finish(struct appended *a, struct err *e);
/* What was put since the last publish goes to DEST.failed, for who wants to see why; nothing where it is empty. */
void appended_fail(struct appended *a);

struct json_t *appended_save(const struct appended *a);
/* Forgets what was put since the last publish. EXIT_IO. */
bool appended_drop(struct appended *a, struct err *e);
/* Before the first put: goes on where `saved` tells; NULL: it was none. EXIT_CONFIG: also where it was another. */
bool appended_restore(struct appended *a, const struct json_t *saved, struct err *e);

/* Of a file that is written no more: what came behind `saved`, by an epoch that comes again without it, is cut. Of one
 * that is gone, or another by now, nothing. EXIT_IO. */
bool appended_take_back(const struct json_t *saved, struct err *e);

/* Goes on behind what stands in the file. EXIT_IO; EXIT_CONFIG where that ends within a line. */
bool appended_keep(struct appended *a, struct err *e);

uint64_t appended_bytes(const struct appended *a); /* published by this process */
void appended_close(struct appended *a);           /* takes NULL */

#endif
