// A wide-area link between two network namespaces, in user space: for kernels without netem.
//
//   link NEAR_NAMESPACE FAR_NAMESPACE RATE_BITS ONE_WAY_MS LOSS_PERCENT BUFFER_BYTES
//
// Opens a TUN device "wan0" in each namespace and carries packets between them. Near to far: sent at RATE_BITS one
// after another, what does not fit into BUFFER_BYTES is dropped (drop-tail), each packet is lost with LOSS_PERCENT,
// and arrives ONE_WAY_MS after it left. Far to near the same at four times the rate: answers are not what is measured.
// Prints "up" when it carries. A line "RATE_BITS" on standard input changes the rate; end of input ends the link.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define PACKET_BYTES 2048
#define QUEUE_PACKETS 16384
#define BURST 64
#define LONGEST_SLEEP 0.05

struct packet {
  double due;
  ssize_t length;
  uint8_t data[PACKET_BYTES];
};

struct direction {
  int from, to;
  double bits_per_second, delay, loss;
  double buffer_bytes;
  double sent_until;
  unsigned head, tail;
  struct packet *queue;
};

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int open_tun(const char *namespace_name) {
  int home = open("/proc/self/ns/net", O_RDONLY);
  char path[256];
  snprintf(path, sizeof path, "/var/run/netns/%s", namespace_name);
  int other = open(path, O_RDONLY);
  if (home < 0 || other < 0 || setns(other, CLONE_NEWNET) != 0) fail(path);
  int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
  strncpy(request.ifr_name, "wan0", IFNAMSIZ - 1);
  if (tun < 0 || ioctl(tun, TUNSETIFF, &request) != 0) fail("/dev/net/tun");
  if (setns(home, CLONE_NEWNET) != 0) fail("setns");
  close(home);
  close(other);
  return tun;
}

static void enqueue(struct direction *way, const uint8_t *data, ssize_t length, double at) {
  if (way->loss > 0 && drand48() < way->loss) return;
  double backlog_seconds = way->sent_until > at ? way->sent_until - at : 0;
  if (backlog_seconds * way->bits_per_second / 8 + (double)length > way->buffer_bytes) return;
  if (way->tail - way->head >= QUEUE_PACKETS) return;
  way->sent_until = at + backlog_seconds + (double)length * 8 / way->bits_per_second;
  struct packet *packet = &way->queue[way->tail++ % QUEUE_PACKETS];
  packet->due = way->sent_until + way->delay;
  packet->length = length;
  memcpy(packet->data, data, (size_t)length);
}

static void take_in(struct direction *way, double at) {
  uint8_t data[PACKET_BYTES];
  for (int i = 0; i < BURST; i++) {
    ssize_t length = read(way->from, data, sizeof data);
    if (length <= 0) return;
    enqueue(way, data, length, at);
  }
}

static void give_out(struct direction *way, double at) {
  while (way->head != way->tail) {
    struct packet *packet = &way->queue[way->head % QUEUE_PACKETS];
    if (packet->due > at) return;
    // A full receive queue drops the packet, as a network would.
    if (write(way->to, packet->data, (size_t)packet->length) < 0) {
    }
    way->head++;
  }
}

static double next_due(const struct direction *way, double soonest) {
  if (way->head == way->tail) return soonest;
  double due = way->queue[way->head % QUEUE_PACKETS].due;
  return due < soonest ? due : soonest;
}

static void read_orders(struct direction *up, struct direction *down) {
  char line[64];
  ssize_t length = read(STDIN_FILENO, line, sizeof line - 1);
  if (length <= 0) exit(0);
  line[length] = '\0';
  double rate = atof(line);
  if (rate <= 0) return;
  up->bits_per_second = rate;
  down->bits_per_second = rate * 4;
}

int main(int count, char **words) {
  if (count != 7) {
    fprintf(stderr, "usage: link NEAR FAR RATE_BITS ONE_WAY_MS LOSS_PERCENT BUFFER_BYTES\n");
    return 2;
  }
  prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
  prctl(PR_SET_PDEATHSIG, 15, 0, 0, 0);
  srand48(getpid());
  int near = open_tun(words[1]), far = open_tun(words[2]);
  double rate = atof(words[3]), delay = atof(words[4]) / 1000, loss = atof(words[5]) / 100;
  double buffer = atof(words[6]);
  struct direction up = {.from = near, .to = far, .bits_per_second = rate, .delay = delay, .loss = loss,
                         .buffer_bytes = buffer, .queue = calloc(QUEUE_PACKETS, sizeof(struct packet))};
  struct direction down = {.from = far, .to = near, .bits_per_second = rate * 4, .delay = delay, .loss = loss,
                           .buffer_bytes = buffer * 4, .queue = calloc(QUEUE_PACKETS, sizeof(struct packet))};
  if (up.queue == NULL || down.queue == NULL) fail("calloc");
  printf("up\n");
  fflush(stdout);
  for (;;) {
    double at = now();
    take_in(&up, at);
    take_in(&down, at);
    at = now();
    give_out(&up, at);
    give_out(&down, at);
    double sleep = next_due(&up, next_due(&down, at + LONGEST_SLEEP)) - now();
    if (sleep < 0) sleep = 0;
    struct timespec wait = {(time_t)sleep, (long)((sleep - (double)(time_t)sleep) * 1e9)};
    struct pollfd watched[] = {{near, POLLIN, 0}, {far, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    if (ppoll(watched, 3, &wait, NULL) > 0 && watched[2].revents != 0) read_orders(&up, &down);
  }
}
