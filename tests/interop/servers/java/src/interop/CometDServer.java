package interop;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.function.BiConsumer;

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import org.cometd.bayeux.ChannelId;
import org.cometd.bayeux.Promise;
import org.cometd.bayeux.server.BayeuxServer;
import org.cometd.bayeux.server.ServerChannel;
import org.cometd.bayeux.server.ServerMessage;
import org.cometd.bayeux.server.ServerSession;
import org.cometd.server.BayeuxServerImpl;
import org.cometd.server.DefaultSecurityPolicy;
import org.cometd.server.ext.AcknowledgedMessagesExtension;
import org.cometd.server.ext.TimesyncExtension;
import org.cometd.server.http.JSONHttpTransport;
import org.cometd.server.http.JSONPHttpTransport;
import org.cometd.server.http.jakarta.CometDServlet;
import org.cometd.server.websocket.jetty.JettyWebSocketTransport;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.websocket.server.WebSocketUpgradeHandler;

/** CometD with its defaults, but for the hold of a connect and the channels that are denied; see ../../README.md. */
public final class CometDServer {
    private static final String PATH = "/cometd";

    public static void main(String[] args) throws Exception {
        Server server = new Server();
        ServerConnector connector = new ServerConnector(server);
        connector.setHost("127.0.0.1");
        connector.setPort(Integer.parseInt(System.getenv("PEER_PORT")));
        server.addConnector(connector);

        BayeuxServerImpl bayeux = new BayeuxServerImpl();
        bayeux.setOption("timeout", System.getenv().getOrDefault("PEER_TIMEOUT", "5000"));
        // Short, so that a session without a connect can be watched to expire.
        bayeux.setOption("maxInterval", System.getenv().getOrDefault("PEER_MAX_INTERVAL", "2000"));
        // CometD's own 64 KiB are less than the large message of the scenarios.
        bayeux.setOption("maxMessageSize", "1048576");
        bayeux.setOption("ws.maxMessageSize", "1048576");
        bayeux.setOption("ws.enableExtension.permessage-deflate", System.getenv().getOrDefault("PEER_DEFLATE", "true"));
        bayeux.setOption("ws.cometdURLMapping", PATH + "/*");
        bayeux.setOption("jsonContext", "org.cometd.server.JacksonJSONContextServer");
        bayeux.addTransport(new JettyWebSocketTransport(bayeux));
        bayeux.addTransport(new JSONHttpTransport(bayeux));
        bayeux.addTransport(new JSONPHttpTransport(bayeux));
        bayeux.setAllowedTransports(List.of("websocket", "long-polling", "callback-polling"));
        bayeux.addExtension(new AcknowledgedMessagesExtension());
        bayeux.addExtension(new TimesyncExtension());
        bayeux.setSecurityPolicy(new Policy());
        service(bayeux, "/service/echo", (session, message) ->
            session.deliver(null, message.getChannel(), message.getData(), Promise.noop()));
        // As CometD's own remote calls are answered: with the id of the message.
        service(bayeux, "/service/call", (session, message) -> {
            ServerMessage.Mutable answer = bayeux.newMessage();
            answer.setChannel(message.getChannel());
            answer.setId(message.getId());
            answer.setData(message.getData());
            session.deliver(null, answer, Promise.noop());
        });
        service(bayeux, "/requests", (session, message) -> {
            String channel = String.valueOf(message.getDataAsMap().get("response"));
            bayeux.createChannelIfAbsent(channel).getReference().publish(null, message.getData(), Promise.noop());
        });

        ServletContextHandler context = new ServletContextHandler("/");
        context.getServletContext().setAttribute(BayeuxServer.ATTRIBUTE, bayeux);
        bayeux.setOption(org.eclipse.jetty.server.Context.class.getName(), context.getContext());
        context.insertHandler(WebSocketUpgradeHandler.from(server, context));
        ServletHolder holder = new ServletHolder(new CometDServlet());
        holder.setAsyncSupported(true);
        holder.setInitOrder(1);
        context.addServlet(holder, PATH + "/*");
        context.addServlet(new ServletHolder(new Sessions(bayeux)), "/sessions");
        context.addServlet(new ServletHolder(new Held(bayeux)), "/held");
        context.addServlet(new ServletHolder(new Forget(bayeux)), "/forget");
        server.setHandler(context);
        server.setStopTimeout(0);
        server.setStopAtShutdown(true);
        server.start();

        // Renamed into place: whoever waits for the file never reads half a line.
        Path ready = Path.of(System.getenv("PEER_READY_FILE"));
        Path written = Path.of(ready + ".tmp");
        Files.writeString(written, "http://127.0.0.1:" + connector.getLocalPort() + PATH + "\n");
        Files.move(written, ready, StandardCopyOption.ATOMIC_MOVE);
        server.join();
    }

    /** What happens with the messages that clients publish on this channel. */
    private static void service(BayeuxServerImpl bayeux, String name, BiConsumer<ServerSession, ServerMessage> service) {
        ServerChannel channel = bayeux.createChannelIfAbsent(name, it -> it.setPersistent(true)).getReference();
        channel.addListener(new ServerChannel.MessageListener() {
            @Override
            public boolean onMessage(ServerSession session, ServerChannel channel, ServerMessage.Mutable message) {
                service.accept(session, message);
                return true;
            }
        });
    }

    private static void answer(HttpServletResponse response, String json) throws IOException {
        response.setContentType("application/json");
        response.getOutputStream().write(json.getBytes(StandardCharsets.UTF_8));
    }

    private static final class Sessions extends HttpServlet {
        private final transient BayeuxServerImpl bayeux;

        Sessions(BayeuxServerImpl bayeux) {
            this.bayeux = bayeux;
        }

        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            answer(response, "{\"sessions\":" + bayeux.getSessions().size() + "}");
        }
    }

    /** The sessions whose connect is held. */
    private static final class Held extends HttpServlet {
        private static final String HELD = "held";
        private final transient BayeuxServerImpl bayeux;

        Held(BayeuxServerImpl bayeux) {
            this.bayeux = bayeux;
            ServerSession.HeartBeatListener marking = new ServerSession.HeartBeatListener() {
                @Override
                public void onSuspended(ServerSession session, ServerMessage message, long timeout) {
                    session.setAttribute(HELD, true);
                }

                @Override
                public void onResumed(ServerSession session, ServerMessage message, boolean timeout) {
                    session.removeAttribute(HELD);
                }
            };
            bayeux.addListener(new BayeuxServer.SessionListener() {
                @Override
                public void sessionAdded(ServerSession session, ServerMessage message) {
                    session.addListener(marking);
                }
            });
        }

        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            long held = bayeux.getSessions().stream().filter(it -> it.getAttribute(HELD) != null).count();
            answer(response, "{\"held\":" + held + "}");
        }
    }

    private static final class Forget extends HttpServlet {
        private final transient BayeuxServerImpl bayeux;

        Forget(BayeuxServerImpl bayeux) {
            this.bayeux = bayeux;
        }

        @Override
        protected void doPost(HttpServletRequest request, HttpServletResponse response) throws IOException {
            List<ServerSession> sessions = List.copyOf(bayeux.getSessions());
            sessions.forEach(bayeux::removeSession);
            answer(response, "{\"forgotten\":" + sessions.size() + "}");
        }
    }

    private static final class Policy extends DefaultSecurityPolicy {
        private static boolean denied(String channel) {
            return channel.equals("/denied") || channel.startsWith("/denied/");
        }

        @Override
        public boolean canCreate(BayeuxServer server, ServerSession session, String channel, ServerMessage message) {
            // What is denied exists, so that subscribing and publishing are what is refused.
            return !ChannelId.isMeta(channel);
        }

        @Override
        public boolean canSubscribe(BayeuxServer server, ServerSession session, ServerChannel channel, ServerMessage message) {
            return !denied(channel.getId()) && super.canSubscribe(server, session, channel, message);
        }

        @Override
        public boolean canPublish(BayeuxServer server, ServerSession session, ServerChannel channel, ServerMessage message) {
            return !denied(channel.getId()) && super.canPublish(server, session, channel, message);
        }
    }
}
