package peers;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

import org.cometd.client.BayeuxClient;

/** The workload of ../../README.md with CometD's Java client; prints one JSON line. */
public final class Load {
    private static final int HANDSHAKES_AT_ONCE = 50;
    private static final int SECONDS_TO_GET_READY = 60;

    public static void main(String[] args) {
        int status = 1;
        try {
            Workload workload = Workload.of(args);
            Accounting accounting = new Accounting(workload);
            Sessions sessions = new Sessions(workload, accounting);
            subscribe(workload, sessions, accounting);
            publish(workload, sessions.connected(), accounting);
            accounting.drain();
            System.out.println(accounting.json());
            status = 0;
        } catch (Exception failure) {
            System.err.println("CometD Java: " + failure);
        }
        // Neither the libraries' threads nor the sessions, which the server is told to forget, are to be waited for.
        System.exit(status);
    }

    private static void subscribe(Workload workload, Sessions sessions, Accounting accounting) throws Exception {
        Semaphore places = new Semaphore(HANDSHAKES_AT_ONCE);
        for (int i = 0; i < workload.clients(); i++) {
            take(places, 1, accounting);
            BayeuxClient client = sessions.open();
            Accounting.Subscriber subscriber = accounting.subscriber();
            String channel = workload.channel(i);
            // A handshake that is tried again is answered more than once; failures are counted in Sessions.
            client.handshake(shaken -> {
                if (shaken.isSuccessful() && subscriber.mayBegin()) {
                    client.getChannel(channel).subscribe(
                        (it, message) -> subscriber.received((Integer)message.getDataAsMap().get("n")),
                        confirmed -> {
                            if (confirmed.isSuccessful()) {
                                places.release();
                            } else {
                                accounting.failed("subscribe: " + confirmed);
                            }
                        });
                }
            });
        }
        take(places, HANDSHAKES_AT_ONCE, accounting);
    }

    private static void take(Semaphore places, int n, Accounting accounting) throws Exception {
        if (!places.tryAcquire(n, SECONDS_TO_GET_READY, TimeUnit.SECONDS)) {
            throw new IllegalStateException("the clients did not get ready: " + accounting.json());
        }
    }

    /** Publishes on the absolute schedule: a late batch does not move the ones after it. */
    private static void publish(Workload workload, BayeuxClient publisher, Accounting accounting) {
        accounting.start();
        String filler = "x".repeat(workload.size());
        for (int n = 0; n < workload.messages(); n += workload.batch()) {
            sleepUntil(accounting.intended(n), accounting);
            int first = n;
            publisher.batch(() -> {
                for (int i = first; i < first + workload.batch(); i++) {
                    Map<String, Object> data = new LinkedHashMap<>();
                    data.put("n", i);
                    data.put("x", filler.substring(Workload.frame(i)));
                    publisher.getChannel(workload.channel(i)).publish(data, reply -> {
                        if (!reply.isSuccessful()) {
                            accounting.failed("publish: " + reply);
                        }
                    });
                }
            });
        }
        sleepUntil(accounting.intended(workload.messages()), accounting);
    }

    private static void sleepUntil(long nanoTime, Accounting accounting) {
        accounting.look();
        for (long left = nanoTime - System.nanoTime(); left > 0; left = nanoTime - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
        accounting.look();
    }
}
