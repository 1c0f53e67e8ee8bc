import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaClientSupplier;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The fold on Kafka Streams, exactly once: a processor, an in-memory store with caching and a changelog topic, JSON by
 * Jackson into classes. Arguments: bootstrap, name, input, output, events, interval in ms, directory. One JSON line when
 * the first event is in user code, one at the end, as benchmarks/fold/progress.py has it.
 */
public final class Fold {
    static final ObjectMapper JSON =
        new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);

    public static final class Item {
        public String sku;
        public int quantity;
        public int unit_price;
    }

    public static final class Event {
        public String event_id;
        public String type;
        public String customer_id;
        public long occurred_at;
        public List<Item> items;
    }

    public static final class State {
        public int views;
        public int orders;
        public long value;
        public long last;
        public List<String> cart = List.of();
    }

    public record Decision(String decision, String c) {}

    static final class FoldProcessor implements Processor<String, Event, String, Decision> {
        private ProcessorContext<String, Decision> context;
        private KeyValueStore<String, State> customers;

        @Override
        public void init(ProcessorContext<String, Decision> context) {
            this.context = context;
            this.customers = context.getStateStore("customers");
        }

        @Override
        public void process(Record<String, Event> record) {
            Progress.began();
            Event event = record.value();
            State state = customers.get(record.key());
            if (state == null) {
                state = new State();
            }
            Decision decision = null;
            switch (event.type) {
                case "page_viewed" -> state.views++;
                case "cart_updated" -> {
                    List<String> cart = new ArrayList<>(event.items.size());
                    event.items.forEach(item -> cart.add(item.sku));
                    state.cart = cart;
                }
                default -> {
                    state.orders++;
                    state.cart = List.of();
                    for (Item item : event.items) {
                        state.value += (long) item.quantity * item.unit_price;
                    }
                    if (event.type.equals("order_placed")) {
                        decision = new Decision(event.event_id, event.customer_id);
                    }
                }
            }
            state.last = Math.max(state.last, event.occurred_at);
            customers.put(record.key(), state);
            if (decision != null) {
                context.forward(record.withValue(decision));
            }
            Progress.processed();
        }
    }

    /** When work began and ended, and what was committed between. */
    static final class Progress {
        static long events;
        static Runnable finish;
        private static final AtomicLong SEEN = new AtomicLong();
        private static final List<Long> COMMITS = new ArrayList<>();
        private static volatile long beganNs;
        private static long beganCpuNs;

        static void began() {
            if (beganNs == 0) {
                synchronized (COMMITS) {
                    if (beganNs == 0) {
                        beganCpuNs = cpuNs();
                        beganNs = System.nanoTime();
                        System.out.println("{\"began\": true}");
                    }
                }
            }
        }

        static void processed() {
            if (SEEN.incrementAndGet() == events) {
                new Thread(finish).start();
            }
        }

        static void committed() {
            synchronized (COMMITS) {
                if (beganNs != 0) {
                    COMMITS.add(System.nanoTime());
                }
            }
        }

        static void ended() {
            List<Double> gaps = new ArrayList<>();
            long before = beganNs;
            for (long commit : COMMITS) {
                gaps.add((commit - before) / 1e6);
                before = commit;
            }
            gaps.sort(null);
            System.out.printf(
                java.util.Locale.ROOT,
                "{\"seconds\": %.6f, \"cpu_s\": %.3f, \"commits\": %d, \"gap_ms\": %.3f, \"gap_ms_max\": %.3f}%n",
                (before - beganNs) / 1e9, (cpuNs() - beganCpuNs) / 1e9, gaps.size(),
                gaps.get(gaps.size() / 2), gaps.get(gaps.size() - 1));
        }

        private static long cpuNs() {
            return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                .getProcessCpuTime();
        }
    }

    /** The usual clients, with a clock reading after each commit of a transaction. */
    static final class Clients implements KafkaClientSupplier {
        @Override
        public Admin getAdmin(Map<String, Object> config) {
            return Admin.create(config);
        }

        @Override
        public Producer<byte[], byte[]> getProducer(Map<String, Object> config) {
            return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer()) {
                @Override
                public void commitTransaction() {
                    super.commitTransaction();
                    Progress.committed();
                }
            };
        }

        @Override
        public Consumer<byte[], byte[]> getConsumer(Map<String, Object> config) {
            return new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        }

        @Override
        public Consumer<byte[], byte[]> getRestoreConsumer(Map<String, Object> config) {
            return getConsumer(config);
        }

        @Override
        public Consumer<byte[], byte[]> getGlobalConsumer(Map<String, Object> config) {
            return getConsumer(config);
        }
    }

    static <T> Serde<T> serde(Class<T> type) {
        ObjectWriter writer = JSON.writerFor(type);
        ObjectReader reader = JSON.readerFor(type);
        return Serdes.serdeFrom(
            (topic, value) -> {
                try {
                    return value == null ? null : writer.writeValueAsBytes(value);
                } catch (IOException error) {
                    throw new UncheckedIOException(error);
                }
            },
            (topic, bytes) -> {
                try {
                    return bytes == null ? null : reader.readValue(bytes);
                } catch (IOException error) {
                    throw new UncheckedIOException(error);
                }
            });
    }

    static Topology topology(String input, String output) {
        return new Topology()
            .addSource("events", Serdes.String().deserializer(), serde(Event.class).deserializer(), input)
            .addProcessor("fold", FoldProcessor::new, "events")
            .addStateStore(
                Stores.keyValueStoreBuilder(
                    Stores.inMemoryKeyValueStore("customers"), Serdes.String(), serde(State.class))
                    .withCachingEnabled(),
                "fold")
            .addSink("decisions", output, Serdes.String().serializer(), serde(Decision.class).serializer(), "fold");
    }

    public static void main(String[] arguments) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[1]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, arguments[5]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[6]);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, System.getProperty("fold.cache", "67108864"));
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, System.getProperty("fold.threads", "1"));
        settings.put(StreamsConfig.producerPrefix("batch.size"), System.getProperty("fold.batch", "16384"));
        settings.put(StreamsConfig.producerPrefix("linger.ms"), System.getProperty("fold.linger", "100"));
        settings.put(StreamsConfig.consumerPrefix("max.poll.records"), System.getProperty("fold.poll", "1000"));
        KafkaStreams streams = new KafkaStreams(topology(arguments[2], arguments[3]), settings, new Clients());
        Progress.events = Long.parseLong(arguments[4]);
        Progress.finish = () -> {
            streams.close(Duration.ofSeconds(60));
            Progress.ended();
        };
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
        streams.start();
    }
}
