/** What a tab asks of the queue of its thread. */

export const QUEUE_FRAMES = ["queue.take", "queue.remove", "queue.send_now", "queue.resume"];
