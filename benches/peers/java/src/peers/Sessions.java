package peers;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import jakarta.websocket.WebSocketContainer;
import org.cometd.bayeux.Channel;
import org.cometd.bayeux.client.ClientSessionChannel;
import org.cometd.client.BayeuxClient;
import org.cometd.client.http.jetty.JettyHttpClientTransport;
import org.cometd.client.transport.ClientTransport;
import org.cometd.client.websocket.jakarta.WebSocketTransport;
import org.cometd.common.JacksonJSONContextClient;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.ee10.websocket.jakarta.client.JakartaWebSocketClientContainerProvider;
import org.eclipse.jetty.util.SocketAddressResolver;
import org.eclipse.jetty.util.component.LifeCycle;

/** Sessions of CometD's client that share one HttpClient or websocket container, as in CometD's own load client. */
final class Sessions {
    private final Workload workload;
    private final Accounting accounting;
    private final ScheduledExecutorService scheduler = Executors.newScheduledThreadPool(2);
    private final HttpClient http = new HttpClient();
    private final WebSocketContainer webSockets;

    Sessions(Workload workload, Accounting accounting) {
        this.workload = workload;
        this.accounting = accounting;
        http.setMaxConnectionsPerDestination(60000);
        http.setMaxRequestsQueuedPerDestination(10000);
        http.setIdleTimeout(TimeUnit.MINUTES.toMillis(2));
        http.setSocketAddressResolver(new SocketAddressResolver.Sync());
        LifeCycle.start(http);
        webSockets = JakartaWebSocketClientContainerProvider.getContainer(http);
    }

    BayeuxClient open() {
        BayeuxClient client = new BayeuxClient(workload.url(), scheduler, transport());
        AtomicInteger handshakes = new AtomicInteger();
        client.getChannel(Channel.META_HANDSHAKE).addListener((ClientSessionChannel.MessageListener)(it, reply) -> {
            if (!reply.isSuccessful()) {
                accounting.failed("handshake: " + reply);
            } else if (handshakes.incrementAndGet() > 1) {
                accounting.failed("a session was renewed");
            }
        });
        return client;
    }

    /** A session whose handshake was answered. */
    BayeuxClient connected() throws InterruptedException {
        BayeuxClient client = open();
        CountDownLatch shaken = new CountDownLatch(1);
        client.handshake(reply -> {
            if (reply.isSuccessful()) {
                shaken.countDown();
            }
        });
        if (!shaken.await(10, TimeUnit.SECONDS)) {
            throw new IllegalStateException("the publisher's handshake failed");
        }
        return client;
    }

    private ClientTransport transport() {
        Map<String, Object> options = new HashMap<>();
        // Faster than the default; CometD's own load client takes it too.
        options.put(ClientTransport.JSON_CONTEXT_OPTION, new JacksonJSONContextClient());
        options.put(ClientTransport.MAX_MESSAGE_SIZE_OPTION, Integer.MAX_VALUE);
        // Longer than any backlog here: a slow server is to be measured, not given up.
        options.put(ClientTransport.MAX_NETWORK_DELAY_OPTION, TimeUnit.MINUTES.toMillis(1));
        return switch (workload.transport()) {
            case "long-polling" -> new JettyHttpClientTransport(options, http);
            case "websocket" -> {
                options.put(WebSocketTransport.IDLE_TIMEOUT_OPTION, TimeUnit.MINUTES.toMillis(2));
                yield new WebSocketTransport(options, scheduler, webSockets);
            }
            default -> throw new IllegalArgumentException("no such transport: " + workload.transport());
        };
    }
}
