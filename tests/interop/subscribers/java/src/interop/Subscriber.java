package interop;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import org.cometd.bayeux.Channel;
import org.cometd.bayeux.client.ClientSessionChannel.MessageListener;
import org.cometd.client.BayeuxClient;
import org.cometd.client.ext.AckExtension;
import org.cometd.client.http.jetty.JettyHttpClientTransport;
import org.cometd.client.transport.ClientTransport;
import org.cometd.client.websocket.jakarta.WebSocketTransport;
import org.cometd.common.JacksonJSONContextClient;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.ee10.websocket.jakarta.client.JakartaWebSocketClientContainerProvider;

/** {@code URL TRANSPORT CHANNEL ack|plain}: the same as ../../node/subscriber.mjs, with CometD's Java client. */
public final class Subscriber {
    public static void main(String[] args) throws Exception {
        String url = args[0], channel = args[2];
        HttpClient http = new HttpClient();
        // A JVM that starts on a busy machine needs more than the 5 s that are the default.
        http.setConnectTimeout(20000);
        http.start();
        ScheduledExecutorService scheduler = Executors.newScheduledThreadPool(2);
        Map<String, Object> options = new HashMap<>();
        options.put(ClientTransport.JSON_CONTEXT_OPTION, new JacksonJSONContextClient());
        ClientTransport transport = switch (args[1]) {
            case "long-polling" -> new JettyHttpClientTransport(options, http);
            case "websocket" ->
                new WebSocketTransport(options, scheduler, JakartaWebSocketClientContainerProvider.getContainer(http));
            default -> throw new IllegalArgumentException("no such transport: " + args[1]);
        };
        BayeuxClient client = new BayeuxClient(url, scheduler, transport);
        if (args[3].equals("ack")) {
            client.addExtension(new AckExtension());
        }
        AtomicInteger handshakes = new AtomicInteger();
        client.getChannel(Channel.META_HANDSHAKE).addListener((MessageListener)(it, reply) -> {
            if (!reply.isSuccessful() || handshakes.incrementAndGet() > 1) {
                fail("handshake: " + reply);
            }
        });
        CountDownLatch ended = new CountDownLatch(1);
        client.handshake(reply -> client.getChannel(channel).subscribe((it, message) -> {
            Object data = message.getData();
            boolean isLast = data.equals("end");
            System.out.println(isLast ? "\"end\"" : data);
            if (isLast) {
                ended.countDown();
            }
        }, subscribed -> {
            if (subscribed.isSuccessful()) {
                System.out.println("subscribed");
            } else {
                fail(subscribed.toString());
            }
        }));
        ended.await();
        client.disconnect(TimeUnit.SECONDS.toMillis(5));
        System.exit(0);
    }

    private static void fail(String what) {
        System.err.println(what);
        System.exit(1);
    }
}
