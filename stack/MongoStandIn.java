import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.List;

/**
 * A stand-in for MongoDB, which no package registry has: mongo-java-server on an H2 file. It has no transactions, no
 * replica set and no schema validation. Janino compiles this at each start, so it is written in what Janino knows.
 *
 * Arguments: the port, and the file.
 */
public class MongoStandIn {
    public static void main(String[] arguments) throws Exception {
        H2Backend backend = new H2Backend(arguments[1]);
        // Drivers of today refuse the version that it gives itself.
        backend.version(new MongoVersion() {
            public List getVersionArray() {
                return Arrays.asList(new Integer[] {5, 0, 0});
            }

            public int getWireVersion() {
                return 13;
            }
        });
        final MongoServer server = new MongoServer(backend);
        Runtime.getRuntime().addShutdownHook(new Thread() {
            public void run() {
                server.shutdown();
            }
        });
        server.bind(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])));
        System.out.println("up " + server.getLocalAddress());
        Thread.currentThread().join();
    }
}
