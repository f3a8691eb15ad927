package clients;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

import org.cometd.bayeux.Channel;
import org.cometd.bayeux.Message;
import org.cometd.bayeux.client.ClientSession;
import org.cometd.bayeux.client.ClientSessionChannel;
import org.cometd.client.BayeuxClient;
import org.cometd.client.http.jetty.JettyHttpClientTransport;
import org.cometd.client.transport.ClientTransport;
import org.cometd.client.websocket.jakarta.WebSocketTransport;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.ee10.websocket.jakarta.client.JakartaWebSocketClientContainerProvider;

/** {@code CometDClient URL TRANSPORT}: the scenario of ../../../../node/scenario.mjs with CometD's Java client. */
public final class CometDClient {
    private static final BufferedReader RUNNER = new BufferedReader(new InputStreamReader(System.in));

    public static void main(String[] arguments) {
        try {
            run(arguments[0], arguments[1]);
            System.exit(0);
        } catch (Throwable failure) {
            System.err.println(failure);
            System.exit(1);
        }
    }

    private static void run(String url, String transport) throws Exception {
        var client = new BayeuxClient(url, transport(transport));
        List<Long> received = new CopyOnWriteArrayList<>();
        ClientSessionChannel.MessageListener room =
            (channel, message) -> received.add(((Number)message.getDataAsMap().get("n")).longValue());
        answered("the handshake", done -> client.handshake(done));
        var channel = client.getChannel("/room");
        answered("the subscribe", done -> channel.subscribe(room, done));
        for (long n = 0; n < 3; n++) {
            publish(channel, n);
        }
        until("its own messages", 20, () -> received.size() >= 3);
        ask("publish");
        until("another's messages", 20, () -> received.size() >= 6);
        publish(channel, 6);
        until("the last message", 20, () -> received.size() >= 7);
        equal(received, List.of(0L, 1L, 2L, 3L, 4L, 5L, 6L));

        var refusal = reply("the refusal", done -> client.getChannel("/denied/x").publish(Map.of(), done));
        if (refusal.isSuccessful() || !String.valueOf(refusal.get("error")).startsWith("403:")) {
            throw new IllegalStateException("a publish that is refused said " + refusal);
        }

        answered("the unsubscribe", done -> channel.unsubscribe(room, done));
        var fenced = new CompletableFuture<Message>();
        var fence = client.getChannel("/fence");
        answered("the subscribe", done -> fence.subscribe((it, message) -> fenced.complete(message), done));
        publish(channel, 7);
        publish(fence, 0);
        fenced.get(20, TimeUnit.SECONDS);
        equal(received, List.of(0L, 1L, 2L, 3L, 4L, 5L, 6L));

        // The application's part of recovering: subscriptions are made anew after each handshake.
        client.getChannel(Channel.META_HANDSHAKE).addListener((ClientSessionChannel.MessageListener)(it, reply) -> {
            if (reply.isSuccessful()) {
                channel.subscribe(room);
            }
        });
        answered("the subscribe", done -> channel.subscribe(room, done));
        ask("lose");
        until("a message in a new session", 60, () -> {
            channel.publish(Map.of("n", 8), ClientSession.MessageListener.NOOP);
            return received.contains(8L);
        });
        answered("the disconnect", done -> client.disconnect(done));
    }

    private static ClientTransport transport(String name) throws Exception {
        var http = new HttpClient();
        // A JVM that starts on a busy machine needs more than the 5 s that are the default; for a websocket it is this
        // limit that counts, and not CometD's own.
        http.setConnectTimeout(20000);
        http.start();
        return switch (name) {
            case "long-polling" -> new JettyHttpClientTransport(new HashMap<>(), http);
            case "websocket" ->
                new WebSocketTransport(new HashMap<>(Map.of(WebSocketTransport.CONNECT_TIMEOUT_OPTION, 20000)), Executors.newScheduledThreadPool(1),
                    JakartaWebSocketClientContainerProvider.getContainer(http));
            default -> throw new IllegalArgumentException("no such transport: " + name);
        };
    }

    private static void publish(ClientSessionChannel channel, long n) throws Exception {
        answered("a publish", done -> channel.publish(Map.of("n", n), done));
    }

    private static void answered(String what, Consumer<ClientSession.MessageListener> send) throws Exception {
        var reply = reply(what, send);
        if (!reply.isSuccessful()) {
            throw new IllegalStateException(what + ": " + reply);
        }
    }

    private static Message reply(String what, Consumer<ClientSession.MessageListener> send) throws Exception {
        var reply = new CompletableFuture<Message>();
        send.accept(reply::complete);
        try {
            return reply.get(20, TimeUnit.SECONDS);
        } catch (java.util.concurrent.TimeoutException late) {
            throw new IllegalStateException(what + " is not answered", late);
        }
    }

    private static void ask(String what) throws Exception {
        System.out.println(what);
        if (!"done".equals(RUNNER.readLine())) {
            throw new IllegalStateException("the runner could not " + what);
        }
    }

    private static void until(String what, int seconds, BooleanSupplier condition) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new IllegalStateException(what + " did not come");
            }
            Thread.sleep(200);
        }
    }

    private static void equal(List<Long> found, List<Long> expected) {
        if (!found.equals(expected)) {
            throw new IllegalStateException("expected " + expected + ", found " + found);
        }
    }
}
