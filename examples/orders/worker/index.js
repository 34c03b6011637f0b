// The worker: prices each order of a batch and leaves its receipt in the bucket.
const { S3Client, PutObjectCommand } = require("@aws-sdk/client-s3");

const s3 = new S3Client({});
const prices = { coffee: 3, tea: 2 };

exports.handler = async (event) => {
  for (const record of event.Records) {
    const order = JSON.parse(record.body);
    const receipt = { ...order, total: order.quantity * (prices[order.item] ?? 1), by: `node ${process.version}` };
    await s3.send(
      new PutObjectCommand({
        Bucket: process.env.RECEIPTS,
        Key: `${order.id}.json`,
        Body: JSON.stringify(receipt),
        ContentType: "application/json",
      }),
    );
    console.log("priced", order.id, receipt.total);
  }
};
