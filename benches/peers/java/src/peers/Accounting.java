package peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;

import com.sun.management.OperatingSystemMXBean;
import org.HdrHistogram.AtomicHistogram;

/** Who received what and when, and what this process used meanwhile. */
final class Accounting {
    private final Workload workload;
    private final AtomicHistogram latency = new AtomicHistogram(1, TimeUnit.MINUTES.toMicros(10), 3);
    private final LongAdder received = new LongAdder();
    private final LongAdder duplicates = new LongAdder();
    private final LongAdder arrived = new LongAdder();
    private final LongAdder failures = new LongAdder();
    private final AtomicReference<String> firstFailure = new AtomicReference<>("");
    private volatile long start;
    private Usage begin;
    private Usage end;

    Accounting(Workload workload) {
        this.workload = workload;
    }

    Subscriber subscriber() {
        return new Subscriber();
    }

    void failed(String what) {
        failures.increment();
        firstFailure.compareAndSet("", what);
    }

    void start() {
        start = System.nanoTime();
    }

    /** When message n is to be sent, as of System.nanoTime(): a batch has one time. */
    long intended(int n) {
        long batch = n / workload.batch();
        return start + batch * workload.batch() * TimeUnit.SECONDS.toNanos(1) / workload.rate();
    }

    /** Called before and after each wait of the pacer: takes what was used at the ends of the measured window. */
    void look() {
        long now = System.nanoTime();
        if (begin == null && now >= intended(workload.firstMeasured())) {
            begin = Usage.at(now, arrived.sum());
        }
        if (end == null && now >= intended(workload.messages())) {
            end = Usage.at(now, arrived.sum());
        }
    }

    void drain() throws InterruptedException {
        long deadline = System.nanoTime() + (long)(workload.drain() * 1e9);
        while (received.sum() < expected() && System.nanoTime() < deadline) {
            Thread.sleep(10);
        }
    }

    String json() throws IOException {
        long expected = expected();
        return String.format(Locale.ROOT, "{\"cpu_seconds\":%.3f,\"window_seconds\":%.3f,\"arrived_in_window\":%d,"
                + "\"expected\":%d,\"received\":%d,"
                + "\"lost\":%d,\"duplicates\":%d,\"p50_us\":%d,\"p99_us\":%d,\"max_us\":%d,"
                + "\"rss_mib_end\":%.1f,\"rss_mib_peak\":%.1f,\"failures\":%d,\"first_failure\":\"%s\"}",
            end == null ? 0 : end.cpu() - begin.cpu(), end == null ? 0 : (end.at() - begin.at()) / 1e9,
            end == null ? 0 : end.arrived() - begin.arrived(),
            expected, received.sum(), expected - received.sum(), duplicates.sum(), latency.getValueAtPercentile(50),
            latency.getValueAtPercentile(99), latency.getMaxValue(), end == null ? 0 : end.rss(), Usage.mib("VmHWM"),
            failures.sum(), firstFailure.get().replaceAll("[\"\\\\]", "'"));
    }

    /** Message n goes to room n % channels, client i is in room i % channels. */
    private long expected() {
        long expected = 0;
        for (int n = workload.firstMeasured(); n < workload.messages(); n++) {
            int room = n % workload.channels();
            expected += (workload.clients() - room + workload.channels() - 1) / workload.channels();
        }
        return expected;
    }

    /** One client's share. */
    final class Subscriber {
        private final BitSet seen = new BitSet();
        private boolean began;

        /** Whether this is the first time that it is asked. */
        synchronized boolean mayBegin() {
            boolean first = !began;
            began = true;
            return first;
        }

        synchronized void received(int n) {
            long now = System.nanoTime();
            arrived.increment();
            if (n < workload.firstMeasured()) {
                return;
            }
            if (seen.get(n)) {
                duplicates.increment();
                return;
            }
            seen.set(n);
            received.increment();
            latency.recordValue(Math.max(1, TimeUnit.NANOSECONDS.toMicros(now - intended(n))));
        }
    }

    private record Usage(long at, double cpu, long arrived, double rss) {
        static Usage at(long now, long arrived) {
            OperatingSystemMXBean system = (OperatingSystemMXBean)ManagementFactory.getOperatingSystemMXBean();
            try {
                return new Usage(now, system.getProcessCpuTime() / 1e9, arrived, mib("VmRSS"));
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        }

        static double mib(String field) throws IOException {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith(field + ":")) {
                    return Long.parseLong(line.replaceAll("\\D", "")) / 1024.0;
                }
            }
            return 0;
        }
    }
}
